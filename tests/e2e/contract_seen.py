"""What went through the contract's judge, and what did not.

    contract_seen.py COUNTERS LOG VIOLATIONS UNSEEN

COUNTERS are the sandbox's own, LOG and VIOLATIONS are Prism's, UNSEEN lists operations of
our client that the scenario need not reach: "OPERATION | why". Every request must have gone through, none
may be wrong, and every operation that the client has must have been seen.
"""
import json
import re
import subprocess
import sys


def used():
    """Operations that the program's code names, the sandbox apart."""
    lines = subprocess.run(['grep', '-rhoE', r'\bAPI_[A-Z_]+\b', 'bridge', '--include=*.c',
                            '--include=*.h', '--exclude-dir=sandbox', '--exclude-dir=api'],
                           check=True, capture_output=True, text=True).stdout.split()
    with open('bridge/api/api.def', encoding='utf-8') as file:
        # RFC 7644's own are no part of the vendor's contract.
        known = set(re.findall(r'^API_OP\((\w+), +API,', file.read(), re.M))
    return {line[4:] for line in lines} & known


def main():
    counters, log, violations, unseen = sys.argv[1:]
    with open(counters, encoding='utf-8') as file:
        calls = json.load(file)['calls']
    with open(log, encoding='utf-8') as file:
        through = file.read().count('Request received')
    with open(violations, encoding='utf-8') as file:
        wrong = file.read().splitlines()
    with open(unseen, encoding='utf-8') as file:
        listed = dict(line.strip().split(' | ', 1) for line in file
                      if line.strip() and not line.startswith('#'))
    failed = 0

    def tell(good, text):
        nonlocal failed
        failed += not good
        print(('ok   ' if good else 'FAIL ') + text)

    total = sum(n for op, n in calls.items() if op != 'TOKEN')
    tell(through == total, '%d requests went through Prism, %d came to the sandbox' % (
        through, total))
    for line in wrong:
        tell(False, 'the contract: ' + line)
    for op in sorted(used()):
        if calls.get(op):
            tell(True, 'through the contract: %s, %d times' % (op, calls[op]))
        else:
            tell(op in listed, '%s was not seen%s' % (
                op, ': ' + listed[op] if op in listed else ' and is not listed'))
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
