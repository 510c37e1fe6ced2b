"""What boxes of MP4 and MOV are known for, by the place that they are in."""

from __future__ import annotations

#: What the sample entry of a video says of its picture, and how FFmpeg calls that in its list of side data.
MARKS = {
    b"st3d": "stereo 3d",
    b"sv3d": "spherical mapping",
    b"vexu": "stereo 3d",
    b"hfov": "stereo 3d",
    b"mdcv": "mastering display",
    b"clli": "content light level",
    b"amve": "ambient viewing",
}

#: Identifiers of boxes ``uuid``.
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
SPHERICAL = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
SMOOTH_STREAMING = (
    bytes.fromhex("6d1d9b0542d544e680e2141daff757b2"),
    bytes.fromhex("d4807ef2ca3946958e5426cb9e46a79f"),
    bytes.fromhex("a2394f525a9b4f14a2446c427c648df4"),
)

#: What messages call boxes that have a name among people.
NAMES = {
    _XMP: "XMP",
    b"XMP_": "XMP",
    SPHERICAL: "the marks of spherical video",
    b"sv3d": "the marks of spherical video (sv3d)",
    b"st3d": "the marks of stereo video (st3d)",
    b"vexu": "the marks of spatial video (vexu)",
    b"mdcv": "the mastering display (mdcv)",
    b"clli": "the light level of the content (clli)",
    _CREDENTIALS: "content credentials",
    b"GPMF": "GoPro's settings (GPMF)",
    b"gps ": "the index of GPS data (gps)",
    b"prft": "recording time (prft)",
    b"cmov": "what only a compressed index says (cmov)",
}

#: Why some cannot be kept.
REASONS = {
    _CREDENTIALS: "they sign the old file",
    b"iloc": "it points to places in the old file",
    b"prft": "it belongs to a fragment of the old file",
    b"cmov": "the new one is not compressed",
}


def _names(text: bytes) -> frozenset[bytes]:
    return frozenset(name.rjust(4, b"\xa9") for name in text.split())


#: User data that FFmpeg makes metadata of. Names of three letters begin with a copyright sign.
_METADATA_NAMES = b"""
    @PRM @PRQ FIRM aART akID apID catg cpil cprt desc disk egid gnre hdvd keyw ldes loci manu modl pcst pgap
    purd rtng soaa soal soar soco sonm sosn stik trkn tven tves tvnn tvsh tvsn
    ART PRD alb aut cmt com cpy day dir dis ed1 fmt gen grp hst inf lyr mak mod nam ope prd prf req src st3
    trk url wrn wrt xyz
"""

#: User data about the old file, and what an output has in another form: chapters, names and kinds of tracks.
_OWN = b"HMMT chpl name kind hnti hinf chp enc swr too"

#: Names in each place that FFmpeg reads, that describe the old index, or that hold boxes which are listed.
ORDINARY: dict[str, frozenset[bytes]] = {
    place: _names(names)
    for place, names in {
        "file": b"ftyp styp moov moof mdat wide mfra sidx ssix pdin",
        "moov": b"mvhd trak udta mvex iods",
        "trak": b"tkhd edts mdia udta",
        "tref": b"chap tmcd hint",
        "mdia": b"mdhd hdlr minf",
        "minf": b"vmhd smhd hmhd sthd nmhd gmhd hdlr dinf stbl",
        "stbl": b"""
            stsd stts ctts cslg stsc stsz stz2 stco co64 stss stps stsh sdtp sgpd sbgp csgp subs padb stdp
            saiz saio
        """,
        "video": b"""
            avcC hvcC vpcC av1C apvC evcC vvcC lhvC avcE hvcE esds m4ds glbl d263 dvc1 jp2h strf alis ACLR
            AALP APRG ARES pasp colr chrm fiel btrt clap gama ccst SmDm CoLL dvcC dvvC dvwC sinf
        """,
        "udta": _OWN,
        "meta": b"hdlr keys ilst",
        "ilst": _METADATA_NAMES + _OWN + b" covr ----",
        "moof": b"mfhd traf",
        "traf": b"tfhd tfdt trun sbgp sgpd csgp subs saiz saio senc sdtp",
    }.items()
}

#: User data that FFmpeg makes metadata of, and that other programs look for in its place.
METADATA = _names(_METADATA_NAMES)

#: Places that have places in them: names there, and what the place is called.
ENTERED = {
    "file": {b"moov": "moov", b"moof": "moof"},
    "moov": {b"trak": "trak", b"udta": "udta"},
    "trak": {b"mdia": "mdia", b"udta": "udta", b"tref": "tref"},
    "mdia": {b"minf": "minf"},
    "minf": {b"stbl": "stbl"},
    "moof": {b"traf": "traf"},
}


def reads_value(kind: int, size: int) -> bool:
    """Whether FFmpeg reads a value of QuickTime's metadata: a text or a number of at most 32 bits."""
    return kind in (0, 1, 3, 4, 23) or (kind in (21, 22) and size <= 4)
