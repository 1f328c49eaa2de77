"""Names from models, data and files are shown as they are, and never as markup."""

import html
import re

import mistune
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseutils import plots
from poseutils.markdown import code, escaped

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://somewhere/x.png)",
    "a | b",
    "a\n\n<b>c</b>",
    "`code` **bold** ~~gone~~ $x^2$",
    "left_eye\\",
    "&lt;script&gt;",
]


def rendered(markdown):
    return mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])(markdown)


def shown(page):
    return html.unescape(re.sub(r"<[^>]*>", "", page)).strip()


@pytest.mark.parametrize("write", [escaped, code])
@pytest.mark.parametrize("text", ATTACKS)
def test_text_is_shown_as_it_is(text, write):
    page = rendered(f"x {write(text)}")
    assert shown(page) == f"x {' '.join(text.split())}" and page.count("<") == 2


@settings(max_examples=50)
@given(st.text(st.sampled_from("<>&[]()`*|\\$~!_ a\n"), min_size=1))
def test_no_text_ends_its_cell_or_becomes_a_tag(text):
    page = rendered(plots.table([{text: text, "b": 1}]).data)
    assert set(re.findall(r"</?(\w+)", page)) <= {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "em",
        "strong",
    }
    assert page.count("<td") == page.count("<th ") + page.count("<th>") == 2


def test_plain_names_stay_readable():
    assert escaped("left_eye (1.5)") == "left_eye (1.5)" and code("left_eye") == "`left_eye`"
