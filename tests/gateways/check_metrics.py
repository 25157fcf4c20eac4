"""Checks the OpenMetrics text at the standard input by the format's reference parser, and prints the families as JSON."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = sys.stdin.read()
assert text.endswith("# EOF\n"), text[-100:]
families = {}
for family in text_string_to_metric_families(text):
    assert family.documentation, family.name
    families[family.name] = {"type": family.type, "unit": family.unit, "samples": len(family.samples)}
print(json.dumps(families))
