# What tests/bench/rules.yaml says, for jq: an entry (a line of JSON) to its record.
def first_of($values): if $values == null then null else $values[0] end;
def site: if . == null then null else "Site " + . end;

# An attribute that is absent, or empty, is not stated.
def stated: with_entries(select(.value != null and .value != ""));

select(.mail != null)
| first_of(.mail) as $mail
| first_of(.givenName) as $given
| first_of(.sn) as $family
| first_of(.title) as $title
| first_of(.departmentNumber) as $department
| first_of(.l) as $city
| first_of(.preferredLanguage) as $language
| first_of(.employeeType) as $type
| {
    id: .id,
    rule: "everybody",
    profile: ({
      userName: ($mail | ascii_downcase),
      externalId: .id,
      displayName: (if $given == null or $family == null then null
                    else $given + " " + $family end),
      givenName: $given,
      familyName: $family,
      title: $title,
      userType: (if $type == null then null
                 elif $type == "PT" then "part-time" else "full-time" end),
      preferredLanguage: ($language // "en"),
      active: "true",
      "emails.work": $mail,
      "phoneNumbers.work": first_of(.telephoneNumber),
      employeeNumber: first_of(.employeeNumber),
      division: ($city | site),
      department: ($department // "Contact centre")
    } | stated),
    assign: [
      (if $city == null then empty else ["role", "Agent", ($city | site)] end),
      ["role", "employee"],
      (if $title != null and ($title | contains("Billing")) then ["skill", "Billing", 4]
       else empty end),
      (if $department != null and ($department | startswith("1")) then ["skill", "Refunds", 3]
       else empty end),
      (if $language == "de" then ["language", "German", 5] else empty end),
      (if .telephoneNumber != null then ["group", "Reachable by phone"] else empty end),
      (if $city != null and ($type | IN("FT", "PT")) then ["queue", "Queue " + $city]
       else empty end)
    ],
    problems: 0
  }
