"""Every single deletion, duplication, reordering, over-length or blank of a mandatory element is named by its path.

The verdict of our tables is compared with that of the official schema on each mutated message: they are two programs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from ceb_generated import XSDS, composed, example, needs_official
from ceb_generated import official as official_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ledger.documents.ceb import CebMessage, parse_message
from ledger.documents.ceb.checks import MAX_ORIGINAL, FieldSpec
from ledger.documents.ceb.schema import MESSAGE_TYPES, schema
from ledger.errors import Malformed

pytestmark = needs_official
Mutant = tuple[etree._Element, str, FieldSpec]  # the whole message, the path of what was changed, its rules


@pytest.fixture(scope="module")
def official() -> dict[str, etree.XMLSchema]:
    return {edition: official_schema(path) for edition, path in XSDS.items()}


def root_of(message_type: str) -> etree._Element:
    return etree.fromstring(composed(message_type, example(message_type)), etree.XMLParser(remove_blank_text=True))


def leaves(message_type: str, root: etree._Element) -> Iterator[tuple[etree._Element, str, FieldSpec]]:
    """Every value element of the first node: of its head, and of its first line."""
    table = schema(message_type)
    node, path = root[0], f"/{message_type}Message/{table.node}[1]"
    head = node if table.head is None else node[0]
    head_path = path if table.head is None else f"{path}/{table.head}"
    yield from ((e, f"{head_path}/{s.name}", s) for e, s in zip(head, table.head_fields, strict=True))
    if table.list is not None:
        yield from ((e, f"{path}/{table.list}[1]/{s.name}", s) for e, s in zip(node[1], table.list_fields, strict=True))


def mutants(message_type: str, change: object) -> Iterator[Mutant]:
    """A fresh message for each element, changed there; `change` says False when it does not apply."""
    pristine = root_of(message_type)
    for i in range(len(list(leaves(message_type, pristine)))):
        root = copy.deepcopy(pristine)
        element, path, spec = list(leaves(message_type, root))[i]
        if change(element, spec) is not False:  # type: ignore[operator]  # each change takes these two
            yield root, path, spec


def octets(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def judged(root: etree._Element, path: str, xsd: etree.XMLSchema, code: str | None = None) -> CebMessage | None:
    """Strict refuses; lenient names `path` (None: refuses too); the official schema agrees with the level."""
    with pytest.raises(Malformed) as strict:
        parse_message(octets(root))
    try:
        message = parse_message(octets(root), "lenient")
    except Malformed as refused:
        assert strict.value.field == refused.field
        assert refused.field is not None and path.startswith(refused.field)
        return None
    named = [d for d in message.errors if d.path == path]
    assert named, (path, message.errors)
    assert code is None or code in {d.code for d in named}
    assert strict.value.field == message.errors[0].path
    assert path in {d["path"] for d in strict.value.detail["defects"]}
    assert xsd.validate(etree.fromstring(octets(root))) is message.schema_valid, (path, message.errors, xsd.error_log)
    return message


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_deleted_mandatory_element_is_named(message_type, official):
    def delete(element: etree._Element, spec: FieldSpec) -> bool:
        element.getparent().remove(element)
        return not spec.optional

    keys = schema(message_type).key if schema(message_type).answer else ()
    for root, path, spec in mutants(message_type, delete):
        xsd = official[schema(message_type).edition]
        message = judged(root, path, xsd, "missing-mandatory")
        assert (message is None) is (spec.name in keys and "List[" not in path)
        assert not xsd.validate(root)


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_doubled_element_is_refused_in_every_mode(message_type, official):
    def double(element: etree._Element, _: FieldSpec) -> None:
        element.addnext(copy.deepcopy(element))

    for root, path, _ in mutants(message_type, double):
        assert judged(root, path, official[schema(message_type).edition]) is None
        with pytest.raises(Malformed) as caught:
            parse_message(octets(root), "lenient")
        assert caught.value.field == path
        assert not official[schema(message_type).edition].validate(root)


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_pair_out_of_order_is_named(message_type, official):
    def swap(element: etree._Element, _: FieldSpec) -> bool:
        following = element.getnext()
        if following is None:
            return False
        following.addnext(element)
        return True

    for root, path, _ in mutants(message_type, swap):
        message = judged(root, path, official[schema(message_type).edition], "element-order")
        assert message is not None and [d.code for d in message.errors] == ["element-order"]


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_over_long_value_is_named(message_type, official):
    def lengthen(element: etree._Element, spec: FieldSpec) -> bool:
        if spec.maximum == MAX_ORIGINAL:
            return False  # the official schema sets no bound
        element.text = ("9" if spec.type != "string" else "A") * (spec.maximum + 1)
        return True

    for root, path, _ in mutants(message_type, lengthen):
        message = judged(root, path, official[schema(message_type).edition])
        assert message is not None and not message.schema_valid


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000"])
@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_blank_mandatory_element_is_named_though_the_schema_may_let_it_through(message_type, blank, official):
    def empty(element: etree._Element, spec: FieldSpec) -> bool:
        element.text = blank
        return not spec.optional

    keys = schema(message_type).key if schema(message_type).answer else ()
    for root, path, spec in mutants(message_type, empty):
        message = judged(root, path, official[schema(message_type).edition], "blank-mandatory")
        assert (message is None) is (spec.name in keys and "List[" not in path)


ODD = st.one_of(
    st.text(alphabet="AZaz09 .+-e\t\n荔枝①%<>&IE", max_size=24),
    st.from_regex(r"\A[ \t]?[+-]?0{0,3}[0-9]{0,22}(\.[0-9]{0,8})?[ \n]?\Z"),
    st.sampled_from(["１２", "1e3", "INF", "NaN", "0x10", "1,000", "00", "-0", "+1", ".5", "5.", ".", "-", "142", "3"]),
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(MESSAGE_TYPES), st.lists(st.tuples(st.integers(0, 200), ODD), min_size=1, max_size=4))
def test_our_verdict_is_the_official_one_whatever_the_values(official, message_type, changes):
    root = root_of(message_type)
    found = list(leaves(message_type, root))
    for place, text in changes:
        found[place % len(found)][0].text = text
    xsd = official[schema(message_type).edition]
    try:
        message = parse_message(octets(root), "lenient")
    except Malformed as refused:
        # Only what leaves it open which document is meant: no business key.
        assert "business key" in refused.message or "NFC" in refused.message
        return
    assert message.schema_valid is xsd.validate(etree.fromstring(octets(root))), (message.errors, xsd.error_log)
    if not message.errors:
        assert parse_message(octets(root)) == message
