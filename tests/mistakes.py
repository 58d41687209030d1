"""A good flow, what can be wrong in it, and what must be said of it: the table of `test_mistakes.py`."""

from __future__ import annotations

LINE = '192.0.2.7 - - [10/Oct/2023:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326 "-" "curl/8"\n'
FLOW = """
[source]
type = "files"
paths = ["access.log"]
codec = { type = "combined" }

[time]
column = "time"
delay = "5s"

[batch]
rows = 1000
bytes = "1MiB"

[epoch]
every = "60s"

[[stage]]
name = "failed"
type = "where"
condition = "status >= 400"

[[stage]]
name = "sized"
type = "derive"
columns = ["bytes / 1024 AS kib"]

[[stage]]
name = "hosts"
from = "sized"
type = "window"
every = "10s"
period = "20s"
by = ["host"]
aggregate = ["COUNT(*) AS hits", "SUM(bytes) AS bytes"]

[[stage]]
name = "odd"
from = "hosts"
type = "detect"
detector = { type = "rolling_zscore", column = "hits", by = ["host"], size = 60, min_count = 9 }

[[stage]]
name = "few"
from = "odd"
type = "select"
columns = ["host", "score"]

[[sink]]
from = "hosts"
type = "parquet"
path = "out/hosts"
partition_by = ["host"]

[[sink]]
from = "odd"
where = "is_anomaly"
type = "console"
limit = 9
"""
SOURCE, LOG, CODEC, DELAY = 'type = "files"', '["access.log"]', '{ type = "combined" }', 'delay = "5s"'
CONDITION, DERIVED, EVERY = '"status >= 400"', '["bytes / 1024 AS kib"]', 'every = "10s"'
BY, FIRST, SECOND = 'by = ["host"]\nagg', "COUNT(*) AS hits", "SUM(bytes) AS bytes"
SELECTED, PARQUET, WHERE = '["host", "score"]', 'type = "parquet"', '"is_anomaly"'
TWIN = f'{PARQUET}\npath = "out/hosts"\n[[sink]]\nfrom = "hosts"'
NO_DURATION = 'must be a duration such as "500ms", "10s" or "1h30m", got'
NO_SPAN = 'must be a duration such as "10s", "1h30m", "1d" or "1mo", got'
NO_SQL = 'must be a SQL expression such as "bytes > 1024", got'
DETECTOR = 'type = "rolling_zscore", column = "hits", by = ["host"], size = 60, min_count = 9'
RECORD = 'type = "record", of = { type = "envelope", column'
BELONGS = "what looks at other rows belongs in a window stage"
MISTAKES = [  # what stands in FLOW, what stands there instead, the place, the rule
    # The file and its tables.
    ("[time]", "[time", "is not TOML", "at line 7"),
    (DELAY, f"{DELAY}\n{DELAY}", "is not TOML", "at line 10"),
    ("[time]", "[tme]", "tme", 'unknown table "tme"; did you mean "time"? known: source, time,'),
    ("[[sink]]", "[[sinks]]", "sinks", 'did you mean "sink"?'),
    ("[time]", "[[time]]", "time", "must be one table: write [time] once"),
    # Keys.
    (DELAY, 'dely = "5s"', "time.dely", 'unknown key "dely"; did you mean "delay"? known: column, delay'),
    (LOG, LOG + "\npath = 1", "source.path", 'did you mean "paths"? known: paths, codec'),
    ("paths = ", "path = ", "source.path", 'did you mean "paths"? known: paths, codec'),
    ("rows = 1000", "row = 1000", "batch.row", 'did you mean "rows"?'),
    ('every = "60s"', 'evry = "60s"', "epoch.evry", 'did you mean "every"?'),
    ("min_count", "min_cont", "stage[3].detector.min_cont", 'did you mean "min_count"?'),
    (EVERY, 'evry = "10s"', "stage[2].evry", 'did you mean "every"?'),
    ('name = "few"', 'nam = "few"', "stage[4].nam", 'did you mean "name"? known: columns, name, from'),
    ('from = "odd"\nwhere', 'frm = "odd"\nwhere', "sink[1].frm", 'did you mean "from"?'),
    ("partition_by", "partitionby", "sink[0].partitionby", 'did you mean "partition_by"?'),
    ('"combined" }', '"combined", x = 1 }', "source.codec.x", 'unknown key "x"'),
    # Types of values.
    (DELAY, "delay = 5", "time.delay", "must be text, got 5"),
    ("rows = 1000", 'rows = "1000"', "batch.rows", 'must be a whole number, got "1000"'),
    ("rows = 1000", "rows = 1.5", "batch.rows", "must be a whole number, got 1.5"),
    ('path = "out/hosts"', 'path = ["out"]', "sink[0].path", 'must be text, got ["out"]'),
    (LOG, "3", "source.paths", "must be a list of text, got 3"),
    (LOG, '["access.log", 3]', "source.paths[1]", "must be text, got 3"),
    (BY, "by = {}\nagg", "stage[2].by", "must be a list of text, got {}"),
    (CONDITION, "3", "stage[0].condition", f"{NO_SQL} 3"),
    (f'"{SECOND}"', "7", "stage[2].aggregate[1]", f"{NO_SQL} 7"),
    (CODEC, "3", "source.codec", "must be a table with a type, got 3; known: combined, common"),
    ('name = "few"', 'name = ""', "stage[4].name", 'must be text, not empty, got ""'),
    # Missing keys and unknown types.
    (SOURCE, "", "source.type", "is missing; known: csv, files, "),
    (SOURCE, 'type = "file"', "source.type", 'unknown source "file"; did you mean "files"? known: csv, '),
    (SOURCE, 'type = ["files"]', "source.type", 'must be text, got ["files"]; known: csv, files'),
    ("paths = " + LOG, "", "source.paths", 'is missing; Files needs it, such as paths = ["access.log"]'),
    (CODEC, '{ type = "combind" }', "source.codec.type", 'unknown codec "combind"; did you mean "combined"?'),
    (CODEC, '"combind"', "source.codec", 'unknown codec "combind"; did you mean "combined"?'),
    ('type = "where"', 'type = "were"', "stage[0].type", 'unknown stage "were"; did you mean "where"?'),
    ('type = "where"', "", "stage[0].type", "is missing; known: derive, detect"),
    ("condition = " + CONDITION, "", "stage[0].condition", "such as condition ="),
    ("rolling_zscore", "rolling", "stage[3].detector.type", 'unknown detector "rolling"'),
    (DETECTOR, 'type = "record", of = "envelop"', "stage[3].detector.of", 'did you mean "envelope"?'),
    (DETECTOR, 'type = "tail"', "stage[3].detector.of", "is missing; Tail needs it, such as of = {"),
    (DETECTOR, f'{RECORD} = "hit" }}', "stage[3].detector.of.column", 'did you mean "hits"?'),
    (DETECTOR, f'{RECORD} = "hits", leak = 1.0 }}', "stage[3].detector.of.leak", "must be less than 0.5"),
    (PARQUET, 'type = "parket"', "sink[0].type", 'unknown sink "parket"; did you mean "parquet"?'),
    ('path = "out/hosts"', "", "sink[0].path", 'is missing; Parquet needs it, such as path = "out/hosts"'),
    # Durations, sizes, numbers.
    (DELAY, 'delay = "five"', "time.delay", f'{NO_DURATION} "five"'),
    (DELAY, 'delay = "-5s"', "time.delay", 'must not be negative, got "-5s"'),
    (DELAY, 'delay = "5s"\nmax_ahead = "1y"', "time.max_ahead", f'{NO_DURATION} "1y"'),
    ('every = "60s"', 'every = "0s"', "epoch.every", 'must be longer than nothing, got "0s"'),
    (EVERY, 'every = "0s"', "stage[2].every", 'must be longer than nothing, got "0s"'),
    ('"20s"', '"25s"', "stage[2].period", 'must be a multiple of every "10s", got "25s"'),
    (EVERY, f'{EVERY}\ntime_zone = "Zurich"', "stage[2].time_zone", 'did you mean "Europe/Zurich"?'),
    (EVERY, f'{EVERY}\nclosed = "both"', "stage[2].closed", "must be 'left' or 'right', got"),
    (EVERY, f'{EVERY}\noffset = "1mo"', "stage[2].offset", "must be in weeks, days or less, since every"),
    ('"1MiB"', '"1 mebi"', "batch.bytes", 'must be a size such as "64KiB", "1MiB" or "10MB", got "1 mebi"'),
    ('"1MiB"', '"0"', "batch.bytes", 'must be at least a byte and at most 1GiB, got "0"'),
    ('"1MiB"', '"2GiB"', "batch.bytes", 'must be at least a byte and at most 1GiB, got "2GiB"'),
    ("rows = 1000", "rows = 0", "batch.rows", "must be more than 0, got 0"),
    ("size = 60", "size = 1", "stage[3].detector.size", "must be at least 2, got 1"),
    ("size = 60", "size = 8", "stage[3].detector.min_count", "must be at most size, 8, got 9"),
    ("size = 60", "threshold = -1.0", "stage[3].detector.threshold", "must be more than 0.0, got -1.0"),
    ("limit = 9", "limit = 0", "sink[1].limit", "must be at least 1, got 0"),
    ("partition_by", 'compression = "zip"\npartition_by', "sink[0].compression", "must be 'zstd',"),
    # Streams.
    ('from = "sized"', 'from = "size"', "stage[2].from", 'unknown stream "size"; did you mean "sized"?'),
    ('from = "odd"\nwhere', 'from = "od"\nwhere', "sink[1].from", 'did you mean "odd"? known: events, late,'),
    (
        'name = "few"',
        'name = "odd"',
        "stage[4].name",
        'there is a stream "odd" already; give this one a name',
    ),
    ('name = "few"', 'name = "late"', "stage[4].name", 'there is a stream "late" already'),
    ('from = "odd"\ntype', 'from = "few"\ntype', "stage[4].from", 'the stream "few" is made further down'),
    (
        PARQUET,
        'type = "parquet"\npath = "out/hosts"\n[[sink]]\nfrom = "odd"\n' + PARQUET,
        "sink[1].path",
        "another",
    ),
    # Columns.
    (
        'column = "time"',
        'column = "tme"',
        "time.column",
        'unknown column "tme"; did you mean "time"?',
    ),
    ('column = "time"', 'column = "host"', "time.column", "must be a column of timestamps, got"),
    (CONDITION, '"stats > 1"', "stage[0].condition", 'unknown column "stats"; did you mean "status"?'),
    (DERIVED, '["byts AS b"]', "stage[1].columns[0]", 'unknown column "byts"; did you mean "bytes"?'),
    (BY, 'by = ["hst"]\nagg', "stage[2].by", 'unknown column "hst"; did you mean "host"?'),
    (BY, 'by = ["host", "host"]\nagg', "stage[2].by", 'names the column "host" twice'),
    (SECOND, "SUM(byts)", "stage[2].aggregate[1]", 'unknown column "byts"; did you mean "bytes"?'),
    ('column = "hits"', 'column = "hit"', "stage[3].detector.column", 'did you mean "hits"?'),
    ('column = "hits"', 'column = "host"', "stage[3].detector.column", "must be a column of numbers"),
    ('by = ["host"], s', 'by = ["hst"], s', "stage[3].detector.by", 'did you mean "host"?'),
    (SELECTED, '["host", "scor"]', "stage[4].columns[1]", 'did you mean "score"?'),
    ('by = ["host"]\n\n', 'by = ["hst"]\n\n', "sink[0].partition_by", 'did you mean "host"?'),
    (WHERE, '"is_anomly"', "sink[1].where", 'unknown column "is_anomly"; did you mean "is_anomaly"?'),
    (CONDITION, r'"\"no\nsuch\" > 1"', "stage[0].condition", r'unknown column "no\nsuch"'),
    # Expressions.
    (CONDITION, '"status >= >= 1"', "stage[0].condition", f'{NO_SQL} "status >= >= 1"'),
    (CONDITION, '"NOSUCH(status)"', "stage[0].condition", "unsupported function 'nosuch'"),
    (CONDITION, '"status IN (SELECT 1)"', "stage[0].condition", "it must not have a SELECT in it"),
    (CONDITION, '"status"', "stage[0].condition", 'must be true or false, got col("status"), which is Int16'),
    (CONDITION, '"MAX(status) > 1"', "stage[0].condition", BELONGS),
    (CONDITION, "\"time > '2023-10-10'\"", "stage[0].condition", "write a time as TIMESTAMPTZ '2026-"),
    (CONDITION, "\"status = 'x'\"", "stage[0].condition", "cannot be computed: cannot compare string with"),
    (DERIVED, "[]", "stage[1].columns", "is empty; name or compute at least one, such as"),
    (DERIVED, '["SUM(bytes) AS kib"]', "stage[1].columns[0]", BELONGS),
    (DERIVED, '["host / 2 AS kib"]', "stage[1].columns[0]", "the columns: host String, "),
    (
        DERIVED,
        '["bytes AS a", "host AS a"]',
        "stage[1].columns",
        'makes the column "a" a second time; give it',
    ),
    (f'["{FIRST}", "{SECOND}"]', "[]", "stage[2].aggregate", "is empty; say what to compute, such as"),
    (SECOND, "SUM(bytes) AS hits", "stage[2].aggregate[1]", 'makes the column "hits" a second time; give it'),
    (SECOND, "SUM(host) AS bytes", "stage[2].aggregate[1]", "cannot be computed: `sum` operation not"),
    (FIRST, "COUNT(* AS hits", "stage[2].aggregate[0]", f'{NO_SQL} "COUNT(* AS hits"'),
    (WHERE, '"score"', "sink[1].where", "must be true or false, got"),
    (WHERE, '"MAX(score) > 1"', "sink[1].where", BELONGS),
    # What is to be read.
    (LOG, "[]", "source.paths", "is empty; name a file, a glob pattern or a directory"),
    (LOG, '["acess.log"]', "source.paths[0]", 'there is no file "acess.log"; check the path, relative'),
    (LOG, '["access.log/x"]', "source.paths[0]", 'cannot read "access.log/x": Not a directory'),
    (LOG, '["loop"]', "source.paths[0]", 'cannot read "loop": Too many levels of symbolic links'),
    (LOG, '["access.log", "*.gz"]', "source.paths[1]", '"*.gz" is a pattern that matches no file'),
    (LOG, '["empty"]', "source.paths[0]", '"empty" is a directory without files'),
    (LOG, '["pipe"]', "source.paths[0]", 'must be a regular file, got "pipe"'),
    (LOG, '["pipe"]\nfollow = true', "source.paths[0]", 'must be a regular file, got "pipe"'),
    (
        LOG,
        '["no/*"]\nfollow = true',
        "source.paths[0]",
        'there is no folder "no" in which to wait for "no/*"',
    ),
    (LOG, "[]\nfollow = true", "source.paths", "is empty; name a file, a glob pattern or a directory"),
    (LOG, LOG + '\nread_from = "end"', "source.read_from", 'got "end"; set follow = true'),
    (LOG, LOG + '\nread_from = "middle"', "source.read_from", "must be 'start' or 'end', got \"middle\""),
    (LOG, LOG + '\nfollow = "yes"', "source.follow", 'must be true or false, got "yes"'),
    (DELAY, 'idle_after = "0s"', "time.idle_after", 'must be longer than nothing, got "0s"'),
]
FLAGS = [  # the arguments after `run`, the flag that is told of, the rule
    ("access.log", "--codec", "is missing; name the format of the lines: combined,"),
    ("access.log --codec combind", "--codec", 'unknown codec "combind"; did you mean "combined"?'),
    ("acess.log --codec combined", "LOG", 'there is no file "acess.log"; check the path'),
    ("\udcff.log --codec combined", "LOG", r'there is no file "\udcff.log"; check the path'),
    ("access.log --codec combined --window ten", "--window", f'{NO_SPAN} "ten"'),
    ("access.log --codec combined --window 25s --every 10s", "--window", "must be a multiple of every"),
    ("access.log --codec combined --window 20s --every 0s", "--every", "must be longer than nothing"),
    ("access.log --codec combined --every 10s", "--every", "needs --window"),
    ("access.log --codec combined --by host", "--by", "needs --window or --zscore"),
    ("access.log --codec combined --window 10s --by hst", "--by", 'did you mean "host"?'),
    ("access.log --codec combined --zscore bytes --by hst", "--by", 'did you mean "host"?'),
    ("access.log --codec combined --window 10s --agg COUNT(", "--agg", f'{NO_SQL} "COUNT("'),
    ("access.log --codec combined --window 10s --agg SUM(byts)", "--agg", 'did you mean "bytes"?'),
    ("access.log --codec combined --window 10s --zscore hist", "--zscore", 'did you mean "hits"?'),
    ("access.log --codec combined --zscore host", "--zscore", "must be a column of numbers"),
    ("access.log --codec combined --zscore bytes --size 1", "--size", "must be at least 2, got 1"),
    ("access.log --codec combined --threshold 4", "--threshold", "needs --zscore"),
    ("access.log --codec combined --where stats>1", "--where", 'did you mean "status"?'),
    ("access.log --codec combined --time tme", "--time", 'did you mean "time"?'),
    ("access.log --codec combined --delay 5", "--delay", f'{NO_DURATION} "5"'),
    ("access.log --codec combined --read-from end", "--read-from", "needs --follow"),
    ("no/access.log --codec combined --follow", "LOG", 'there is no folder "no" in which to wait for'),
    ("access.log --codec combined --epoch soon", "--epoch", f'{NO_DURATION} "soon"'),
    ("access.log --codec combined --out in_the_way", "--out", 'cannot write into "in_the_way'),
]
ASKED = [  # what Click finds wrong in a command line, and what it says
    ("run", "Missing argument"),
    ("run access.log --codex combined", "--codec"),
    ("run access.log --codec combined --size many", "'many'"),
    ("run access.log flow.toml", "one flow, or log files, not both"),
    ("run access.log --codec combined --read-from middle", "'middle'"),
    ("run flow.toml --follow", "--follow is not for a flow file; write it into flow.toml"),
    ("run flow.toml --codec combined", "--codec is not for a flow file; write it into flow.toml"),
    ("list sink", "sinks"),
    ("chek flow.toml", "chek"),
]
