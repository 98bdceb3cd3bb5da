"""Tells frames of the user's code from the framework's and ours."""

_NOT_THE_USERS = ("/paceline_worker/", "/_pytest/", "/pluggy/")


def is_the_users(path: str) -> bool:
    return not any(part in path for part in _NOT_THE_USERS)
