from tests.prove.planted.statements import rewrite


def plant() -> None:
    rewrite("FOR NO KEY UPDATE", "")
