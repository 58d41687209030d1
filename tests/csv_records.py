"""Records of CSV, good and bad, three fields each where they are good."""

from __future__ import annotations

GOOD = [
    "1,2,3", ",,", '"","",""', '"a,b","c ""d"" e","f"', '"two\nlines","three\r\n\nlines",x',
    'a"b,c""d,e"', " , x ,y", '"""",""",",""""""', "\0,\r,x\ry",
    '"longer than twelve bytes, ""quoted""",a text of more than twelve bytes,ü\U0001f600',
]  # fmt: skip
BAD = ["", "1", "1,2", "1,2,3,", "1,2,3,4", '"a"b,c,d', '"a" ,b,c', '1,2,"3" ', "\r", " "]
