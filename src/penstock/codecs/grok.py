"""Grok: regular expressions that name others, `%{NUMBER:bytes:int}`, and a dictionary of those.

The names and what they stand for are those of Logstash's patterns
(https://github.com/logstash-plugins/logstash-patterns-core), written anew for Rust's regex crate, which has
no look-around and no atomic groups and matches in linear time: where a pattern there looks at what stands
before or behind, one here does not.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.errors import FlowError
from penstock.fields import unknown

_REFERENCE = re.compile(r"%\{(?P<name>[^}:]*)(?::(?P<group>[^}:]*))?(?::(?P<of>[^}]*))?\}")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_GROUP = re.compile(r"[^\W\d][\w.]*")
_TYPES = {"int": "int64", "long": "int64", "float": "float64", "double": "float64", "boolean": "bool"}
_DEEPEST = 50

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
_HEX = "[0-9A-Fa-f]"
PATTERNS: dict[str, str] = {
    # Words and numbers.
    "USERNAME": r"[0-9A-Za-z._-]+",
    "USER": "%{USERNAME}",
    "EMAILLOCALPART": r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]+",
    "EMAILADDRESS": "%{EMAILLOCALPART}@%{HOSTNAME}",
    "INT": "[+-]?[0-9]+",
    "BASE10NUM": r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)",
    "NUMBER": "%{BASE10NUM}",
    "BASE16NUM": f"[+-]?(?:0x)?{_HEX}+",
    "BASE16FLOAT": rf"[+-]?(?:0x)?(?:{_HEX}+(?:\.{_HEX}*)?|\.{_HEX}+)",
    "POSINT": "[1-9][0-9]*",
    "NONNEGINT": "[0-9]+",
    "WORD": r"\w+",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": ".*?",
    "GREEDYDATA": ".*",
    "QUOTEDSTRING": r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)""",
    "QS": "%{QUOTEDSTRING}",
    "UUID": f"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}",
    "URN": r"urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:(?:%[0-9A-Fa-f]{2}|[0-9A-Za-z()+,.:=@;$_!*'/?#-])+",
    # Networks.
    "CISCOMAC": rf"(?:{_HEX}{{4}}\.){{2}}{_HEX}{{4}}",
    "WINDOWSMAC": f"(?:{_HEX}{{2}}-){{5}}{_HEX}{{2}}",
    "COMMONMAC": f"(?:{_HEX}{{2}}:){{5}}{_HEX}{{2}}",
    "MAC": "(?:%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC})",
    "IPV4": rf"{_OCTET}(?:\.{_OCTET}){{3}}",
    "IPV6": (  # the eight groups whole, or with "::" for some; the last two perhaps as IPv4; a zone perhaps
        rf"(?:(?:{_HEX}{{1,4}}:){{6}}(?:{_HEX}{{1,4}}:{_HEX}{{1,4}}|%{{IPV4}})"
        rf"|(?:{_HEX}{{1,4}}(?::{_HEX}{{1,4}}){{0,6}})?::(?:(?:{_HEX}{{1,4}}:){{0,6}}(?:%{{IPV4}}|{_HEX}{{1,4}}))?)"
        r"(?:%[0-9A-Za-z._-]+)?"
    ),
    "IP": "(?:%{IPV6}|%{IPV4})",
    "HOSTNAME": r"[0-9A-Za-z][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z_-]{0,62})*\.?",
    "IPORHOST": "(?:%{IPV6}|%{HOSTNAME})",  # an IPv4 address is written as a host's name is
    "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    # Paths and URIs.
    "UNIXPATH": r"(?:/[\w%!$@:.,+~-]*)+",
    "WINPATH": r"(?:[A-Za-z]+:|\\)(?:\\[^\\?*]*)+",
    "PATH": "(?:%{UNIXPATH}|%{WINPATH})",
    "TTY": r"/dev/(?:pts|tty[pq]?)\w*/?[0-9]+",
    "URIPROTO": r"[A-Za-z][0-9A-Za-z+.-]+",
    "URIHOST": "%{IPORHOST}(?::%{POSINT})?",
    "URIPATH": r"(?:/[0-9A-Za-z$.+!*'(){},~:;=@#%&_-]*)+",
    "URIQUERY": r"[0-9A-Za-z$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*",
    "URIPARAM": r"\?%{URIQUERY}",
    "URIPATHPARAM": r"%{URIPATH}(?:\?%{URIQUERY})?",
    "URI": r"%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?",
    # Dates and times.
    "MONTH": (
        "(?:[Jj]an(?:uary|uar)?|[Ff]eb(?:ruary|ruar)?|[Mm](?:a|ä)?r(?:ch|z)?|[Aa]pr(?:il)?|[Mm]a[yi]"
        "|[Jj]un[ei]?|[Jj]ul[yi]?|[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo][ck]t(?:ober)?|[Nn]ov(?:ember)?"
        "|[Dd]e[cz](?:ember)?)"
    ),
    "MONTHNUM": "(?:1[0-2]|0?[1-9])",
    "MONTHNUM2": "(?:1[0-2]|0[1-9])",
    "MONTHDAY": "(?:3[01]|[12][0-9]|0?[1-9])",
    "DAY": "(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
    "YEAR": "[0-9]{2}(?:[0-9]{2})?",
    "HOUR": "(?:2[0-3]|[01]?[0-9])",
    "MINUTE": "[0-5][0-9]",
    "SECOND": "(?:60|[0-5]?[0-9])(?:[:.,][0-9]+)?",
    "TIME": "%{HOUR}:%{MINUTE}(?::%{SECOND})?",
    "DATE_US": "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}",
    "DATE_EU": "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}",
    "DATE": "(?:%{DATE_US}|%{DATE_EU})",
    "DATESTAMP": "%{DATE}[- ]%{TIME}",
    "TZ": "(?:[APMCE][SD]T|UTC)",
    "ISO8601_TIMEZONE": "(?:Z|[+-]%{HOUR}:?%{MINUTE})",
    "ISO8601_SECOND": "%{SECOND}",
    "TIMESTAMP_ISO8601": (
        "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?"
    ),
    "DATESTAMP_RFC822": "%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
    "DATESTAMP_RFC2822": "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
    "DATESTAMP_OTHER": "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
    "DATESTAMP_EVENTLOG": "%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
    "HTTPDATE": "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}",
    "HTTPDERROR_DATE": "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{YEAR}",
    "HAPROXYDATE": r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME}",
    "SYSLOGTIMESTAMP": "%{MONTH} +%{MONTHDAY} %{TIME}",
    "CATALINA_DATESTAMP": (
        "(?:%{MONTHDAY}-%{MONTH}-%{YEAR} %{TIME}|%{MONTH} %{MONTHDAY}, %{YEAR} %{TIME} (?:AM|PM))"
    ),
    # Parts of logs.
    "LOGLEVEL": (
        "(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe"
        "|emerg(?:ency)?)"
    ),
    "PROG": r"[\x21-\x5a\x5c\x5e-\x7e]+",
    "SYSLOGPROG": r"%{PROG:program}(?:\[%{POSINT:pid:int}\])?",
    "SYSLOGHOST": "%{IPORHOST}",
    "SYSLOGFACILITY": r"<%{NONNEGINT:facility:int}\.%{NONNEGINT:priority:int}>",
    "HTTPDUSER": "(?:%{EMAILADDRESS}|%{USER})",
    "JAVACLASS": r"(?:[A-Za-z$_][0-9A-Za-z$_]*\.)*[A-Za-z$_][0-9A-Za-z$_]*",
    "JAVAFILE": r"[0-9A-Za-z$_. -]+",
    "JAVAMETHOD": r"(?:<(?:cl)?init>|[A-Za-z$_][0-9A-Za-z$_]*)",
    "JAVASTACKTRACEPART": (
        r"%{SPACE}at %{JAVACLASS:class}\.%{JAVAMETHOD:method}\(%{JAVAFILE:file}(?::%{INT:line:int})?\)"
    ),
    # Whole lines.
    "SYSLOGBASE": (
        "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}:"
    ),
    "COMMONAPACHELOG": (
        r"%{IPORHOST:clientip} (?:-|%{HTTPDUSER:ident}) (?:-|%{HTTPDUSER:auth}) \[%{HTTPDATE:timestamp}\] "
        r'"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" '
        r"(?:-|%{INT:response:int}) (?:-|%{INT:bytes:int})"
    ),
    "COMBINEDAPACHELOG": '%{COMMONAPACHELOG} "(?:-|%{DATA:referrer})" "(?:-|%{DATA:agent})"',
    "ELB_ACCESS_LOG": (
        "%{TIMESTAMP_ISO8601:timestamp} %{NOTSPACE:elb} %{IP:clientip}:%{INT:clientport:int} "
        "(?:-|%{IP:backendip}:%{INT:backendport:int}) (?:-1|%{NUMBER:request_processing_time:float}) "
        "(?:-1|%{NUMBER:backend_processing_time:float}) (?:-1|%{NUMBER:response_processing_time:float}) "
        "%{INT:response:int} (?:-|%{INT:backend_response:int}) %{INT:received_bytes:int} %{INT:bytes:int} "
        '"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})"'
        '(?: "(?:-|%{DATA:agent})" (?:-|%{NOTSPACE:ssl_cipher}) (?:-|%{NOTSPACE:ssl_protocol}))?'
    ),
    "S3_ACCESS_LOG": (
        r"%{WORD:owner} %{NOTSPACE:bucket} \[%{HTTPDATE:timestamp}\] (?:-|%{IP:clientip}) "
        "(?:-|%{NOTSPACE:requester}) %{NOTSPACE:request_id} %{NOTSPACE:operation} (?:-|%{NOTSPACE:key}) "
        '(?:-|"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})") '
        "(?:-|%{INT:response:int}) (?:-|%{NOTSPACE:error_code}) (?:-|%{INT:bytes:int}) "
        "(?:-|%{INT:object_size:int}) (?:-|%{INT:request_time_ms:int}) (?:-|%{INT:turnaround_time_ms:int}) "
        '"(?:-|%{DATA:referrer})" "(?:-|%{DATA:agent})" (?:-|%{NOTSPACE:version_id})'
    ),
    "HAPROXYHTTP": (
        r"%{IP:client_ip}:%{INT:client_port:int} \[%{HAPROXYDATE:accept_date}\] %{NOTSPACE:frontend_name} "
        "%{NOTSPACE:backend_name}/%{NOTSPACE:server_name} %{INT:time_request:int}/%{INT:time_queue:int}/"
        r"%{INT:time_backend_connect:int}/%{INT:time_backend_response:int}/\+?%{NONNEGINT:time_duration:int} "
        r"%{INT:http_status_code:int} \+?%{NONNEGINT:bytes_read:int} "
        "(?:-|%{NOTSPACE:captured_request_cookie}) "
        "(?:-|%{NOTSPACE:captured_response_cookie}) %{NOTSPACE:termination_state} %{INT:actconn:int}/"
        r"%{INT:feconn:int}/%{INT:beconn:int}/%{INT:srvconn:int}/\+?%{NONNEGINT:retries:int} "
        r"%{INT:srv_queue:int}/%{INT:backend_queue:int}(?: \{%{DATA:captured_request_headers}\})?"
        r'(?: \{%{DATA:captured_response_headers}\})? "(?:<BADREQ>|%{WORD:http_verb} %{NOTSPACE:http_request}'
        '(?: HTTP/%{NUMBER:http_version})?)"?'
    ),
}
"""What each name stands for."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A regular expression without references, and the types that groups were given in them."""

    pattern: str
    types: Mapping[str, str] = field(default_factory=dict)


def expand(pattern: str, own: Mapping[str, str]) -> Expanded:
    """Put in the place of each `%{NAME}` what it stands for, `own` patterns before the dictionary's.

    `%{NAME:group}` makes it a named group, `%{NAME:group:type}` tells its type: int and float besides
    penstock's names of types. `[a][b]` for a group's name is `a.b`. FlowError at `pattern` names what is
    unknown.
    """
    types: dict[str, str] = {}
    return Expanded(_expand(pattern, {**PATTERNS, **own}, types, ()), types)


def _expand(pattern: str, known: Mapping[str, str], types: dict[str, str], within: tuple[str, ...]) -> str:
    def replace(match: re.Match[str]) -> str:
        name, group, of = match["name"], match["group"], match["of"]
        if not _NAME.fullmatch(name) or name not in known:
            near = difflib.get_close_matches(name.upper(), known, n=5) or ["NUMBER", "WORD", "DATA", "IP"]
            rule = f"{unknown(name, 'grok pattern', near)} and others; patterns = {{ {name} = ... }} adds it"
            raise FlowError.at("pattern", rule)
        if name in within or len(within) > _DEEPEST:
            raise FlowError.at(f"patterns.{name}", "must not name itself, in whatever other patterns")
        inner = _expand(known[name], known, types, (*within, name))
        if group is None:
            return f"(?:{inner})"
        group = group.replace("][", ".").strip("[]")
        if not _GROUP.fullmatch(group):
            rule = f'must name groups by letters, digits, "_" and ".", got "%{{{name}:{group}}}"'
            raise FlowError.at("pattern", rule)
        if of is not None:
            types[group] = _TYPES.get(of, of)
        return f"(?<{group}>{inner})"

    return _REFERENCE.sub(replace, pattern)
