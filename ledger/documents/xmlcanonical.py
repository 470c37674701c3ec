"""Canonical XML 1.0, inclusive, without comments: the one byte form of a business node.

Job: the octets of the document subset that consists of an element and everything in it, as the customs XML signature
uses it (http://www.w3.org/TR/2001/REC-xml-c14n-20010315). Kept apart from canonical.py so that the verifier need not
import lxml.
"""

from __future__ import annotations

from lxml import etree

from ledger.errors import Malformed

XML_NAMESPACE = "{http://www.w3.org/XML/1998/namespace}"


def c14n(element: etree._Element) -> bytes:
    """The canonical octets of `element`'s subtree, with the namespaces in scope declared on its apex (C14N 1.0, 2.4).

    Raises Malformed when an ancestor carries xml:* attributes: the apex would have to import them, which the customs
    messages never need.
    """
    for ancestor in element.iterancestors():
        if any(str(name).startswith(XML_NAMESPACE) for name in ancestor.attrib):
            raise Malformed("xml:* attributes are not accepted around a business node", field="/")
    parent = element.getparent()
    if parent is not None and None in parent.nsmap:
        # lxml 6.1 writes a false xmlns="" below the second level of a subtree when an ancestor outside of it declares
        # the default namespace; a document of its own, with the same namespaces declared on its root, is free of that.
        element = etree.fromstring(etree.tostring(element, with_tail=False, encoding="UTF-8"), _parser())
    return etree.tostring(element, method="c14n", exclusive=False, with_comments=False, with_tail=False)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True)
