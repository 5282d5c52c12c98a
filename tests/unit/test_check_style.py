"""The style check counts the habits in `docs/style.md`, but not code or ordinary English."""

from pathlib import Path

import pytest

from tools import check_style


def habits(tmp_path: Path, text: str, suffix: str = ".md") -> list[str]:
    path = tmp_path / f"page{suffix}"
    path.write_text(text, encoding="utf-8")
    return [hit.habit for hit in check_style.examine(path).hits]


@pytest.mark.parametrize(
    ("sentence", "habit"),
    [
        ("Whoever calls it waits.", "people"),
        ("A process who holds the lock goes on.", "people"),
        ("Nobody reads the row.", "people"),
        ("The port tells the relay.", "speech"),
        ("Redis is asked once.", "speech"),
        ("The adapter knows the order.", "speech"),
        ("Return what is stored.", "what"),
        ("Whatever fails is logged.", "what"),
        ("What the table holds.", "what"),
        ("Return None where there is no order.", "where"),
        ("Retry where the server refuses.", "where"),
        ("The value is no object.", "no"),
        ("A token without a scope has no rights.", "no"),
        ("Others would wait in vain.", "dated"),
        ("A cluster has database 0 alone.", "dated"),
        ("The caller need not wait.", "dated"),
        ("The lease ends so that others can start.", "so that"),
        ("The lease ends; others start.", "semicolon"),
    ],
)
def test_a_habit_is_counted(tmp_path: Path, sentence: str, habit: str) -> None:
    assert habits(tmp_path, sentence) == [habit]


@pytest.mark.parametrize(
    "sentence",
    [
        "A user who registers gets a token.",
        "If you know the id, use the route.",
        "What does the audit count?",
        "There is no such order, and the row has no effect.",
        "The account no longer exists, and is alone in its table of accounts.",
        "There are rules for what kind of value passes.",
        "Write to the folder where it is mounted.",
        "The host's `what who where it` is code.",
        "``nobody`` is the user of the container.",
        "See https://example.com/who/told/nobody for more.",
        "```sh\nwho am i\n```",
        "<!-- who reads this -->",
    ],
)
def test_ordinary_english_and_code_are_not_counted(tmp_path: Path, sentence: str) -> None:
    assert habits(tmp_path, sentence) == []


def test_python_is_judged_by_its_docstrings_and_comments_alone(tmp_path: Path) -> None:
    code = (
        '"""Return what is stored."""\n'
        "# A pragma is not a sentence, but this is: nobody reads it.\n"
        'text = "whoever asks"  # noqa: E501 - told\n'
    )
    path = tmp_path / "module.py"
    path.write_text(code)
    found = check_style.examine(path)
    assert [(hit.habit, hit.line) for hit in found.hits] == [("what", 1), ("people", 2)]
    assert found.words == 16


def test_a_hit_has_its_line_number(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("# Title\n\n```sh\nls\n```\n\nOne line,\nand what follows.\n")
    (hit,) = check_style.examine(path).hits
    assert (hit.line, hit.path) == (8, path)


def test_a_count_above_the_limit_fails_and_names_the_habit(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("Nobody reads it.")
    with pytest.raises(SystemExit, match=r"Markdown: 333\.3 of 'people'"):
        check_style.main([str(tmp_path)])
    check_style.main([str(tmp_path), "--limit", "400"])


def test_environments_and_russian_pages_are_passed_over(tmp_path: Path) -> None:
    for name in (".venv/a.py", "__pycache__/b.py", "README.ru.md", "notes.txt", "docs/page.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert [path.name for path in check_style.files([tmp_path])] == ["page.md"]


def test_the_style_guide_has_the_limit_and_every_habit() -> None:
    guide = (Path(__file__).parents[2] / "docs/style.md").read_text(encoding="utf-8")
    assert f"at most {check_style.LIMIT}" in " ".join(guide.split())
    assert all(f"| `{habit}` |" in guide for habit in check_style.HABITS)
