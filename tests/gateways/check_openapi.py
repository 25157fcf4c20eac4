"""Checks the OpenAPI document at the standard input, and prints how many operations it has."""

import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

document = json.load(sys.stdin)
errors = list(OpenAPIV31SpecValidator(document).iter_errors())
for error in errors[:20]:
    print(f"{list(error.absolute_path)}: {error.message}"[:400], file=sys.stderr)
assert not errors, f"{len(errors)} errors"
print(sum(len(path) for path in document["paths"].values()))
