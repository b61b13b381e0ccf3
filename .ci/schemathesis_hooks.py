"""What schemathesis.toml cannot say."""

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    """Calls are made in the project `default`. Once it is emptied or its time has passed, there is nothing left to
    ask for or to act on; all that can be done to a project is done to others."""
    is_default = (case.path_parameters or {}).get("project") == "default"
    return not (is_default and case.method in ("POST", "PUT"))


@schemathesis.hook
def map_body(context, body):
    """To a JSON Schema `2.0` is an integer; the emulated API refuses it on purpose."""
    if context.operation.path.startswith("/tas/"):
        return whole(body)
    return body


def whole(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(entry) for entry in value]
    if isinstance(value, dict):
        return {key: whole(entry) for key, entry in value.items()}
    return value
