"""Reads {name: code} and writes {name: [what is wrong]}: syntax, names that are imported, keyword arguments of what is imported."""
import ast
import importlib
import inspect
import json
import os
import sys

os.environ.setdefault("CREWAI_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OTEL_SDK_DISABLED", "true")


def keywords_of(target):
    """Names that may be given, or None for any."""
    fields = getattr(target, "model_fields", None)
    if fields is not None:
        return set(fields)
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_KEYWORD and one.annotation is one.empty for one in parameters):
        return None
    return {one.name for one in parameters}


def resolve(node, names):
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(resolve(node.value, names), node.attr, None)
    # A client that is made and used at once: its methods are those of its class; those of properties are not followed.
    return None


def wrong(code):
    try:
        tree = ast.parse(code)
        compile(code, "remedy", "exec")
    except SyntaxError as error:
        return [f"syntax: {error}"]
    found, names = [], {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    names[alias.asname or alias.name] = importlib.import_module(alias.name)
            continue
        try:
            module = importlib.import_module(node.module)
        except ImportError as error:
            found.append(f"import: {error}")
            continue
        for alias in node.names:
            if hasattr(module, alias.name):
                names[alias.asname or alias.name] = getattr(module, alias.name)
            else:
                found.append(f"{node.module} has no {alias.name}")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        target = resolve(node.func, names)
        allowed = None if target is None else keywords_of(target)
        if allowed is not None:
            found += [f"{ast.unparse(node.func)} takes no {one.arg}" for one in node.keywords if one.arg and one.arg not in allowed]
    return found


json.dump({name: wrong(code) for name, code in json.load(sys.stdin).items()}, sys.stdout)
