"""What a plugin of the original says of itself, read from its source without running any of it."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

#: The files in which a class is looked for first.
LIKELY = ("plugin.py", "main.py", "__init__.py")
MANIFESTS = ("plugin.json", "manifest.json")
FIELDS = ("name", "version", "description", "author", "dependencies")


class Undescribed(Exception):
    """It cannot be told what the plugin is; the message says what to do."""


def describe(path: Path) -> Dict[str, Any]:
    """``{name, version, description, author, dependencies, class_path}`` of a file or of a folder with one plugin.

    ``class_path`` is relative to the folder. A ``plugin.json`` says it all; else it is read from the class.
    """
    if not path.exists():
        raise Undescribed(f"there is nothing at {path}")
    folder = path if path.is_dir() else path.parent
    manifest = _manifest(folder) if path.is_dir() else {}
    file = None if path.is_dir() else path
    if "class_path" not in manifest or not all(field in manifest for field in ("name", "version")):
        file = file or _file_in(folder)
        tree = _parse(file)
        node = _class_node(tree, file)
        said = _metadata(tree, node, file)
        module = ".".join(file.relative_to(folder).with_suffix("").parts)
        manifest = {**said, "class_path": f"{module}.{node.name}", **manifest}
    manifest.setdefault("description", "")
    manifest.setdefault("author", "")
    manifest["dependencies"] = list(manifest.get("dependencies") or [])
    return {key: manifest[key] for key in (*FIELDS, "class_path")}


def class_in(file: Path) -> str:
    """The name of the one plugin's class in a file."""
    return _class_node(_parse(file), file).name


def _manifest(folder: Path) -> Dict[str, Any]:
    for name in MANIFESTS:
        file = folder / name
        if file.is_file():
            try:
                read = json.loads(file.read_text("utf-8"))
            except ValueError as error:
                raise Undescribed(f"{file} is no JSON: {error}") from None
            if not isinstance(read, dict):
                raise Undescribed(f"{file} must hold an object")
            return read
    return {}


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        raise Undescribed(f"{file} is no Python: {error}") from None


def _bases(node: ast.ClassDef) -> Iterator[str]:
    for base in node.bases:
        if isinstance(base, ast.Name):
            yield base.id
        elif isinstance(base, ast.Attribute):
            yield base.attr


def _plugin_classes(tree: ast.Module) -> List[ast.ClassDef]:
    """The classes that derive from BasePlugin, and from which no other one here does."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    known = {"BasePlugin"}
    found: Dict[str, ast.ClassDef] = {}
    for _ in classes:
        for node in classes:
            if known.intersection(_bases(node)):
                known.add(node.name)
                found[node.name] = node
    derived_from = {base for node in found.values() for base in _bases(node)}
    return [node for name, node in found.items() if name not in derived_from]


def _class_node(tree: ast.Module, file: Path) -> ast.ClassDef:
    classes = _plugin_classes(tree)
    if len(classes) == 1:
        return classes[0]
    if not classes:
        raise Undescribed(f"{file} has no class that derives from BasePlugin")
    names = ", ".join(node.name for node in classes)
    raise Undescribed(f"{file} has several plugins ({names}): name one in class_path of a plugin.json")


def _file_in(folder: Path) -> Path:
    likely = [folder / name for name in (*LIKELY, f"{folder.name}.py")]
    others = sorted(file for file in folder.rglob("*.py") if not file.name.startswith("test_"))
    found = []
    for file in [*(file for file in likely if file.is_file()), *others]:
        if file not in found and _plugin_classes(_parse(file)):
            if file in likely:
                return file
            found.append(file)
    if len(found) == 1:
        return found[0]
    if not found:
        raise Undescribed(f"{folder} has no file with a class that derives from BasePlugin")
    names = ", ".join(str(file.relative_to(folder)) for file in found)
    raise Undescribed(f"{folder} has several plugins ({names}): write a plugin.json with class_path")


def _metadata(tree: ast.Module, node: ast.ClassDef, file: Path) -> Dict[str, Any]:
    """The arguments of the PluginMetadata(...) in the class, as far as they are constants."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and _called(call) == "PluginMetadata":
            break
    else:
        raise Undescribed(f"{file}: {node.name} makes no PluginMetadata(...): write a plugin.json")
    constants = _Constants(tree, node)
    given = dict(zip(FIELDS, call.args))
    given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in FIELDS})
    said = {}
    for field, value in given.items():
        try:
            said[field] = constants.value(value)
        except ValueError:
            if field in ("name", "version"):
                raise Undescribed(
                    f"{file}:{value.lineno}: {field} of {node.name} is no constant: write a plugin.json"
                ) from None
    for field in ("name", "version"):
        if not isinstance(said.get(field), str):
            raise Undescribed(f"{file}: {node.name} says no {field}: write a plugin.json")
    return said


def _called(call: ast.Call) -> Optional[str]:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", None)


class _Constants:
    """The values of names that a module or a class sets once, and of expressions of them."""

    def __init__(self, tree: ast.Module, node: ast.ClassDef) -> None:
        self._of_module = _assigned(tree.body)
        self._of_class = _assigned(node.body)
        self._class = node.name

    def value(self, node: ast.expr) -> Any:
        """The value of an expression; ``ValueError`` where only running it would tell."""
        if isinstance(node, ast.Name) and node.id in self._of_module:
            return self.value(self._of_module[node.id])
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in ("self", "cls", self._class) and node.attr in self._of_class:
                return self.value(self._of_class[node.attr])
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self.value(each) for each in node.elts]
        if isinstance(node, ast.JoinedStr):
            parts = (each.value if isinstance(each, ast.FormattedValue) else each for each in node.values)
            return "".join(str(self.value(part)) for part in parts)
        return ast.literal_eval(node)


def _assigned(body: List[ast.stmt]) -> Dict[str, ast.expr]:
    found: Dict[str, ast.expr] = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target: ast.expr = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        else:
            continue
        if isinstance(target, ast.Name) and statement.value is not None:
            found[target.id] = statement.value
    return found
