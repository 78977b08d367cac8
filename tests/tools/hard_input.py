"""Files that no YAML reader should choke on, for tests/e2e/test_hard_input.sh.

    hard_input.py DIR    writes them and prints a line each: file, kind, regex of the message

Kind: yaml (wrong as settings, rules and cases alike), rules, cases (a NAME.test.yaml whose
result is looked at). A name that begins with "big" is not run under a sanitiser.
"""
import os
import sys

DEEP = 10000
MB = 1 << 20

YAML = {
    "laughs": ("".join(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}" if i else "x"] * 9) + "]\n"
                       for i in range(30)), "1:5: anchors and tags are not used here; write the value out"),
    "alias": ("a: *x\n", "1:4: aliases are not used here"),
    "merge": ("a:\n  <<: {b: c}\n", "2:3: merge keys are not used here"),
    "tag": ("a: !!python/object b\n", "1:4: anchors and tags are not used here"),
    "twice": ("version: 1\nversion: 1\n", '2:1: "version" is given twice'),
    "tab": ("a:\n\tb: c\n", "2:1: not YAML: a tab does not indent"),
    "latin1": (b"a: caf\xe9\n", "1:7: byte 0xe9 is not UTF-8"),
    "utf16": ("a: b\n".encode("utf-16-le"), "1:2: control character 0x00"),
    "mark16": ("a: b\n".encode("utf-16"), "1:1: byte 0xff is not UTF-8"),
    "surrogate": (b"a: \xed\xa0\x80\n", "1:4: byte 0xed is not UTF-8"),
    "nul": (b"a: b\0c\n", "1:5: control character 0x00"),
    "nulescape": ('a: "b\\0c"\n', "1:4: text with a NUL character"),
    "escape": (b"a: \x1b[31m\n", "1:4: control character 0x1b"),
    "empty": ("", "the file is empty"),
    "mark": (b"\xef\xbb\xbf", "the file is empty"),
    "documents": ("a: b\n---\nc: d\n", "2:1: only one YAML document"),
    "version": ("%YAML 9.9\n---\na: b\n", "1:1: not YAML: found incompatible YAML document"),
    "deepflow": ("[" * DEEP, "1:65: nested too deeply"),
    "deepmap": ("{a: " * DEEP, "1:257: nested too deeply"),
    "deepdash": ("- " * DEEP + "x\n", "1:129: nested too deeply"),
    "deepblock": ("".join(" " * i + "a:\n" for i in range(5000)), "65:65: nested too deeply"),
    "deepkey": ("? " * DEEP + "x\n", "1:129: nested too deeply"),
    "unclosed": ("a: [b, c\n", "2:1: not YAML"),
    "quote": ('a: "b\n' + "c\n" * MB, "1048578:1: not YAML: found unexpected end of stream"),
    "bigscalar": ("a: " + "x" * MB + "\n", '1:1: .*"a"'),
    "bigkey": ("x" * (10 * MB) + ": a\n", "1:10485761: not YAML"),
    "bigcomment": ("# " + "x" * (10 * MB) + "\n", "the file is empty"),
    "bigescapes": ('a: "' + "\\u0041" * (10 * MB // 6) + '"\n', '1:1: .*"a"'),
    "bigfolded": ("a: >\n" + "  b\n\n" * MB, '1:1: .*"a"'),
    "biglist": ("a: [" + "x," * (5 * MB) + "]\n", "1:1999999: more than 1000000 YAML nodes"),
    "bigmap": ("".join(f"k{i}: v\n" for i in range(900000)), "500000:10: more than 1000000 YAML nodes"),
    "bigempty": ("".join(f"b{i}:\n" for i in range(400000)), '1:1: .*"b0"'),
    "big": ("a: " + "x" * (17 * MB), "longer than the 16777216 bytes allowed"),
}


def when(expression):
    return ("version: 1\npeople:\n- when: '" + expression.replace("'", "''") +
            "'\n  profile: {userName: a}\n")


def value(text):
    return "version: 1\npeople:\n- profile:\n    userName: '" + text.replace("'", "''") + "'\n"


def pattern(text):
    return when(f'entry.l.matches("{text}")')


NESTED = "nested more than 250 deep"
RULES = {
    "parens": (when("(" * DEEP + "1" + ")" * DEEP), "3:260: .*" + NESTED),
    "nots": (when("!" * DEEP + "true"), "3:10: .*" + NESTED),
    "lists": (when("[" * DEEP + "]" * DEEP), "3:260: .*" + NESTED),
    "maps": (when("{1:" * DEEP + "1" + "}" * DEEP), "3:758: .*" + NESTED),
    "calls": (when("size(" * DEEP + ")" * DEEP), "3:1260: .*" + NESTED),
    "macros": (when("[1].all(a," * DEEP + "true" + ")" * DEEP), "3:2501: .*" + NESTED),
    "choices": (when("true?1:" * DEEP + "1"), "3:1760: .*" + NESTED),
    "selects": (when("entry" + ".a" * DEEP), "3:514: .*" + NESTED),
    "long": (when('"' + "x" * MB + '" == ""'), "3:10: the expression is longer than 1048576 bytes"),
    "text": (value("x" * MB), "4:16: .* the value has 1048576 bytes; at most 4096"),
    "open": (value("${" * 100000), "4:18: unexpected character"),
    "digits": (when("9" * 100000), "3:10: 9+ is out of the range of int"),
    "nestedpattern": (pattern("(" * DEEP + ")" * DEEP), "3:18: invalid pattern: longer than 4096 bytes"),
    "deeppattern": (pattern("(" * 1000 + ")" * 1000), "3:18: invalid pattern: parentheses are too deeply nested"),
    "repeats": (pattern("((a{0,100}){0,100}){0,100}"), "3:18: invalid pattern: regular expression is too large"),
    "repeat": (pattern("a{1001}"), "3:18: invalid pattern: a repeat count is greater than 1000"),
    "lookahead": (pattern("(?=a)b"), "3:18: invalid pattern: look-around"),
    "reference": (pattern("(a)\\\\1"), "3:18: invalid pattern: back references"),
    "recursion": (pattern("(?R)"), "3:18: invalid pattern: look-around, conditions, recursion"),
    "possessive": (pattern("a++"), "3:18: invalid pattern: two quantifiers"),
    "verb": (pattern("(*LIMIT_MATCH=1)a"), "3:18: invalid pattern: \\(\\*"),
    "bigblocks": ("version: 1\npeople:\n" + "".join(
        f'- name: b{i}\n  when: inGroup("g{i}")\n  profile: {{userName: a}}\n'
        for i in range(100000)), "3:1: more than 5000 blocks of people"),
    "bigitems": ("version: 1\npeople:\n- profile: {userName: a}\n  assign:\n" + "".join(
        f"  - {{name: i{i}, groups: [g]}}\n" for i in range(100000)), "5:3: .* more than 5000 items"),
    "bigtypes": ("version: 1\npeople:\n- profile: {userName: a, emails: {" + ", ".join(
        f"t{i}: x" for i in range(50000)) + "}}\n", "3:[0-9]+: .* more than 256 values"),
    "bigattributes": ("version: 1\npeople:\n" + "".join(
        f"- when: has(entry.a{i})\n  profile: {{userName: a}}\n" for i in range(600)),
        "more than 512 attributes"),
    "bigunknown": ("version: 1\npeople:\n- profile: {userName: a}\n" + "".join(
        f"  k{i}: 1\n" for i in range(300000)), '4:3: .* has no "k0"'),
}

# An expression over an entry with l of 1 MB and 300 values of m; what the case says.
MEMORY = "needs more memory than one evaluation may take"
CASES = {
    "squares": ('entry.l.split("").all(x, entry.l.split("").all(y, x + y != ""))', "takes too many steps|" + MEMORY),
    "loops": ("values.m.exists(a, values.m.exists(b, values.m.exists(c, a + b + c == '')))", "takes too many steps"),
    "replace": ('entry.l.replace("a", entry.l) == ""', MEMORY),
    "join": ('entry.l.split("").join(entry.l) == ""', MEMORY),
    "plus": ('entry.l.matches("^(a+)+$")', "1 passed"),
    "star": ('entry.l.matches("(a*)*[bc]")', "1 passed"),
    "either": ('entry.l.matches("(a|aa)+[bc]")', "1 passed"),
    "letters": ('entry.l.matches("[a-z]+[@#]")', "1 passed"),
    "counted": ('entry.l.matches("[a-z]{1,1000}[@#]")', "too long"),
    "counts": ('entry.l.matches("((a{1,100}){1,100}){1,5}[bc]")', "too long"),
}


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def write_case(folder, name, expression):
    quoted = expression.replace("'", "''")
    write(folder, name + ".rules", "version: 1\npeople:\n- profile: {userName: a}\n  assign:\n"
          f"  - when: '{quoted}'\n    groups: [g]\n")
    write(folder, name + ".test.yaml", f"version: 1\nrules: {name}.rules\ncases:\n"
          f"- {{name: a, entry: {{dn: cn=x, l: {'a' * MB}!, m: [{', '.join(f'v{i}' for i in range(300))}]}},"
          " expect: {problems: []}}\n")


def main():
    folder = sys.argv[1]
    for name, (content, message) in YAML.items():
        write(folder, name + ".yaml", content)
        print(name + ".yaml", "yaml", message, sep="\t")
    for name, (content, message) in RULES.items():
        write(folder, name + ".yaml", content)
        print(name + ".yaml", "rules", message, sep="\t")
    for name, (expression, message) in CASES.items():
        write_case(folder, "big" + name, expression)
        print(f"big{name}.test.yaml", "cases", message, sep="\t")


if __name__ == "__main__":
    main()
