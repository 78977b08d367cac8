"""What ldap_mock.py can be told to do wrong: KEY=VALUE, several, by --fault or --fault-file.
In a value %20 is a space, and so on.

Where and when
  where=TEXT         faults of searches only where the base contains TEXT (any case)
  conns=N            only the first N connections since the faults were set
  leave=N            the last N people (entries with employeeNumber) are not there
Connection
  hang=AT            never answer: accept, tls, starttls, bind, search, page, done, or range
  hang_after=N       fall silent after N entries of a search
  slow=MS            wait before each message
  drop_at=BYTES      end the connection after that many bytes on the wire (below TLS)
  drop_after=N       end it after N entries of a search; drop_bind, drop_done: at that point
  end_after=N        end it after the N-th result of a search (pages count)
  drop_how=HOW       fin (default), rst, notify (TLS closed properly)
  flip_at=BYTES      turn the bits flip_bits (255) of that byte on the wire
  notice=N           Notice of Disconnection (RFC 4511 4.4.1) after N entries, then end it
Bind
  bind=CODE          result code of every bind; bind_error=TEXT its text (alone: code 49)
  starttls=CODE      StartTLS is refused with that code
Search
  result=CODE        each search ends with that code; result_text=TEXT, result_after=N entries
                     first (0), result_page=K only at the K-th page
  size_limit=N, time_limit=N, admin_limit=N    ends with 4, 3 or 11 after N entries
  referral=URL|...  the search's result is a referral
  reference=URL|... search continuations; reference_at=N comes after N entries; %N in one is
                     another number each time
  zero_entries       success, and nobody; fewer=N: only the first N
  no_id=N            the N-th entry (or all) has no entryUUID, objectGUID
  dup_id=N           the N-th entry has the id of the one before
  silent_attr=NAME   that attribute is missing from everybody
  wrong_dn=KIND      of the third entry: empty, garbage, outside
Pages
  page_max=N         no page is larger; without paging it ends with sizeLimitExceeded
  no_paging          the control is ignored (refused when critical)
  cookie_lost=N      after N pages the next is refused (unwillingToPerform)
  cookie_gone=N      after N pages of a search there is no control any more
  cookie_same        the first page again and again, with the same cookie
  cookie_reset       the cookie of another page: the first page comes twice
  empty_pages        pages without entries for ever
  empty_first=N      N pages without entries before the first
Ranges
  range=N            no more than N values at once, as Active Directory does
  range_empty_too    and an empty attribute of the plain name beside it
  range_moves=K      before the K-th request for more, a value goes (range_adds: comes)
  range_adds=K
  range_times=N      that happens N times (1), at each further request
  range_stuck        any range answered with the first one
  range_gap          each answer begins one too late
  range_none         nothing comes for a range; range_refused: unwillingToPerform
Broken messages
  malformed=KIND     the malformed_at-th entry (3) or the result is broken, in a way of
                     broken_entry or broken_done below; malformed_attr=NAME in that attribute
"""

from urllib.parse import unquote

import ldap_ber as ber

ENTRY, DONE = 0x64, 0x65


class Faults:
    def __init__(self, text=""):
        self.values = {}
        for line in text.split("\n"):
            name, _, value = line.strip().partition("=")
            if name:
                self.values[name] = unquote(value)

    def has(self, name):
        return name in self.values

    def text(self, name, default=""):
        return self.values.get(name, default)

    def number(self, name, default=None):
        value = self.values.get(name)
        return int(value) if value not in (None, "") else default

    def at(self, base):
        """These faults, or none when this base is not meant."""
        where = self.text("where").lower()
        return self if where in base.lower() else NONE


NONE = Faults()


def message(ident, op, controls=b""):
    return ber.sequence(ber.integer(ident), op, ber.tlv(0xA0, controls) if controls else b"")


def lying(content, extra):
    """A length of four bytes that says `extra` more than there is."""
    return b"\x84" + (len(content) + extra).to_bytes(4, "big")


def broken_entry(kind, ident, dn, attrs, wanted=""):
    """The entry as bytes, broken in the way of `kind`; None when it is not about entries."""
    name, values = next((a for a in attrs if a[0] == wanted), attrs[0] if attrs else ("cn", []))
    value = ber.octets(values[0] if values else b"")
    whole = entry_op(dn, attrs)
    pair = ber.sequence(ber.octets(name), ber.tlv(ber.SET, value))
    made = {
        "outer_tag": lambda: ber.tlv(0x31, ber.integer(ident), whole),
        "outer_huge": lambda: ber.tlv(0x30, ber.integer(ident), whole,
                                      raw_length=b"\x84\x7f\xff\xff\xff"),
        "outer_four_gb": lambda: ber.tlv(0x30, ber.integer(ident), whole,
                                         raw_length=b"\x84\xff\xff\xff\xff"),
        "outer_nine": lambda: ber.tlv(0x30, ber.integer(ident), whole,
                                      raw_length=b"\x89" + b"\x01" * 9),
        "outer_indefinite": lambda: ber.tlv(0x30, ber.integer(ident), whole, b"\0\0",
                                            raw_length=b"\x80"),
        "outer_short": lambda: ber.tlv(0x30, ber.integer(ident), whole, raw_length=b"\x05"),
        "outer_empty": lambda: ber.tlv(0x30),
        "no_id": lambda: ber.sequence(whole),
        "id_zero": lambda: message(0, whole),
        "id_negative": lambda: message(-7, whole),
        "id_large": lambda: message(1 << 40, whole),
        "id_empty": lambda: ber.sequence(ber.tlv(ber.INTEGER), whole),
        "op_tag": lambda: message(ident, ber.tlv(0x7E, whole)),
        "op_empty": lambda: message(ident, ber.tlv(ENTRY)),
        "op_long": lambda: message(ident, ber.tlv(ENTRY, whole[2:],
                                                  raw_length=lying(whole[2:], 50))),
        "dn_tag": lambda: message(ident, ber.tlv(ENTRY, ber.octets(dn, 0x02), ber.sequence())),
        "dn_long": lambda: message(ident, ber.tlv(ENTRY, ber.tlv(ber.OCTETS, dn.encode(),
                                                  raw_length=lying(dn, 4000)))),
        "no_attrs": lambda: message(ident, ber.tlv(ENTRY, ber.octets(dn))),
        "attrs_tag": lambda: message(ident, ber.tlv(ENTRY, ber.octets(dn),
                                                    ber.tlv(ber.SET, pair))),
        "attrs_long": lambda: message(ident, ber.tlv(ENTRY, ber.octets(dn), ber.tlv(
            ber.SEQUENCE, pair, raw_length=lying(pair, 77)))),
        "attr_short": lambda: one_pair(ident, dn, ber.sequence(ber.octets(name))),
        "attr_tag": lambda: one_pair(ident, dn, ber.tlv(ber.SET, ber.octets(name))),
        "attr_long": lambda: one_pair(ident, dn, ber.tlv(ber.SEQUENCE, pair[2:],
                                                         raw_length=lying(pair, 99))),
        "attr_half": lambda: one_pair(ident, dn, pair + pair[:5]),
        "name_tag": lambda: one_pair(ident, dn, ber.sequence(ber.integer(3),
                                                             ber.tlv(ber.SET, value))),
        "values_tag": lambda: one_pair(ident, dn, ber.sequence(ber.octets(name),
                                                               ber.sequence(value))),
        "values_long": lambda: one_pair(ident, dn, ber.sequence(
            ber.octets(name), ber.tlv(ber.SET, value, raw_length=lying(value, 9)))),
        "value_tag": lambda: one_pair(ident, dn, ber.sequence(
            ber.octets(name), ber.tlv(ber.SET, value, ber.integer(1)))),
        "value_long": lambda: one_pair(ident, dn, ber.sequence(ber.octets(name), ber.tlv(
            ber.SET, ber.tlv(ber.OCTETS, b"xy", raw_length=lying(b"xy", 500))))),
        "value_indefinite": lambda: one_pair(ident, dn, ber.sequence(ber.octets(name), ber.tlv(
            ber.SET, ber.tlv(ber.OCTETS, b"xy", raw_length=b"\x80")))),
        "value_many": lambda: one_pair(ident, dn, ber.sequence(
            ber.octets(name), ber.tlv(ber.SET, ber.octets(b"v") * 200000))),
    }.get(kind)
    return made() if made else None


def one_pair(ident, dn, pair):
    return message(ident, ber.tlv(ENTRY, ber.octets(dn), ber.sequence(pair)))


def entry_op(dn, attrs):
    listed = [ber.sequence(ber.octets(name), ber.tlv(ber.SET, *map(ber.octets, values)))
              for name, values in attrs]
    return ber.tlv(ENTRY, ber.octets(dn), ber.sequence(*listed))


def page_control(value):
    return ber.sequence(ber.octets("1.2.840.113556.1.4.319"), ber.octets(value))


def broken_done(kind, ident, good, size, cookie):
    """The same for the result: `good` is its operation."""
    page = ber.sequence(ber.integer(size), ber.octets(cookie))
    made = {
        "done_empty": lambda: message(ident, ber.tlv(DONE)),
        "done_code": lambda: message(ident, ber.tlv(DONE, ber.octets("x") * 3)),
        "done_long": lambda: message(ident, ber.tlv(DONE, good[2:], raw_length=lying(good, 40))),
        "done_short": lambda: message(ident, ber.tlv(DONE, ber.enum(0))),
        "done_negative": lambda: message(ident, ber.tlv(DONE, ber.enum(-5), ber.octets(""),
                                                        ber.octets(""))),
        "done_twice": lambda: message(ident, good, page_control(page)) * 2,
        "control_empty": lambda: message(ident, good, page_control(b"")),
        "control_tag": lambda: message(ident, good, page_control(b"\x31" + page[1:])),
        "control_short": lambda: message(ident, good, page_control(page[:4])),
        "control_size": lambda: message(ident, good, page_control(
            ber.sequence(ber.octets("12"), ber.octets(cookie)))),
        "control_cookie": lambda: message(ident, good, page_control(ber.sequence(
            ber.integer(size), ber.tlv(ber.OCTETS, cookie, raw_length=lying(cookie, 60))))),
        "control_list": lambda: ber.sequence(ber.integer(ident), good, ber.tlv(
            0xA0, page_control(page), raw_length=lying(page_control(page), 8))),
        "control_oid": lambda: message(ident, good, ber.sequence(ber.integer(1),
                                                                 ber.octets(page))),
    }.get(kind)
    return made() if made else None
