"""Codecs: formats of log lines. One file each; this table lists them."""

from __future__ import annotations

from penstock.codecs.access import Combined, Common
from penstock.codecs.cri import Cri
from penstock.codecs.csv import Csv, Tsv
from penstock.codecs.docker import Docker
from penstock.codecs.lines import Lines
from penstock.codecs.logfmt import Logfmt
from penstock.codecs.ndjson import NdJson
from penstock.codecs.regex import Regex
from penstock.codecs.syslog import Syslog
from penstock.codecs.w3c import W3c
from penstock.codecs.zeek import Zeek
from penstock.errors import FlowError
from penstock.fields import unknown
from penstock.text import Codec

CODECS: dict[str, type[Codec]] = {
    "combined": Combined,
    "common": Common,
    "cri": Cri,
    "csv": Csv,
    "docker": Docker,
    "lines": Lines,
    "logfmt": Logfmt,
    "ndjson": NdJson,
    "regex": Regex,
    "syslog": Syslog,
    "tsv": Tsv,
    "w3c": W3c,
    "zeek": Zeek,
}


def codec_named(codec: Codec | str) -> Codec:
    """Return a codec as it is, or the one of that name with nothing set; FlowError if there is none."""
    if not isinstance(codec, str):
        return codec
    if codec not in CODECS:
        raise FlowError.at("codec", unknown(codec, "codec", CODECS))
    return CODECS[codec]()
