"""The mark that says a file is AI-generated, in every MP4 we make, and its reader.

Two forms, so that both kinds of reader find it:
- an XMP packet in the uuid box that the XMP specification (part 3, §MPEG-4) reserves for it, whose IPTC
  `DigitalSourceType` is `trainedAlgorithmicMedia`: what content platforms look for;
- the iTunes-style comment and tool atoms (moov/udta/meta/ilst), which players and ffprobe show.
"""

import uuid

from serve_app.media.boxes import box, full_box, read_boxes, u32, walk_boxes

SOFTWARE = "Realtime Avatar"
COMMENT = "AI-generated: synthetic speech and a synthetic moving picture of a photo."
SPEECH_COMMENT = "AI-generated: synthetic speech."
"""The same for a file that holds sound alone, in the comment that its format has room for."""
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for media made by a trained model."""

XMP_UUID = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes

XMP_PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmp:CreatorTool="{SOFTWARE}"
 Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE}">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{COMMENT}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()


def xmp_box() -> bytes:
    """The XMP packet as a top-level box. It goes before moov, where MSE requires players to accept unknown boxes."""
    return box(b"uuid", XMP_UUID, XMP_PACKET)


def user_data_box() -> bytes:
    """The udta box for moov: comment and tool as iTunes writes them (data atom type 1 is UTF-8)."""
    handler = full_box(b"hdlr", 0, 0, u32(0), b"mdir", b"appl", bytes(9))
    texts = {b"\xa9cmt": COMMENT, b"\xa9too": SOFTWARE}
    atoms = [box(kind, box(b"data", u32(1, 0), text.encode())) for kind, text in texts.items()]
    return box(b"udta", full_box(b"meta", 0, 0, handler, box(b"ilst", *atoms)))


def is_marked_synthetic(data: bytes) -> bool:
    """Whether an MP4 (whole, or the initialisation segment of a stream) carries either form of the mark."""
    for kind, payload in walk_boxes(data):
        if kind == b"uuid" and payload.startswith(XMP_UUID) and DIGITAL_SOURCE_TYPE.encode() in payload:
            return True
        if kind == b"meta":
            items = dict(read_boxes(payload[4:])).get(b"ilst", b"")
            comment = dict(read_boxes(items)).get(b"\xa9cmt", b"")
            if dict(read_boxes(comment)).get(b"data", b"")[8:] == COMMENT.encode():
                return True
    return False
