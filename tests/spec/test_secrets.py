"""Secrets stand here in parts, put together by `joined`, so that no scanner and no push protection stops this file."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from modelfleet.finding import Location
from modelfleet.spec.load import Document, parse
from modelfleet.spec.secrets import redacted, scan, spelled

FILE = "projects/acme.yaml"
MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5z"
HEX = "0123456789abcdef" * 4


def joined(text: str) -> str:
    return text.replace("¦", "")


def encoded(text: str) -> str:
    return base64.b64encode(joined(text).encode()).decode()


def texts(content: str, file: str = FILE) -> list[str]:
    """What is said of a document, each as `LINE:COLUMN [CODE]: ...`; all of it by policy."""
    found = scan(parse(content.encode(), file))
    assert all(finding.policy for finding in found)
    return [finding.text().removeprefix(f"{file}:").replace(": error[", " [", 1) for finding in found]


def said_of(value: Any) -> list[str]:
    """The same for a value of an innocent variable, without the place."""
    return [text.removeprefix("1:22 ") for text in texts(f"env: {{MODEL_SETTING: {json.dumps(value)}}}\n")]


def store(name: str = "NAME") -> str:
    return (
        "put the value into the environment's secret store and refer to it with secrets: and "
        f"env: {{{name}: {{secret: ..., key: ...}}}}"
    )


# ---- by shape --------------------------------------------------------------------------------------------------------

AWS, GITHUB, GITLAB, HF = "an AWS access key", "a GitHub token", "a GitLab token", "a Hugging Face token"
SLACK, JWT, OPENSHIFT, BEARER = "a Slack token", "a JSON web token", "an OpenShift token", "a bearer token"
API, DOCKER, HASH, SIGNED = "a service's API key", "a registry's login", "the hash of a password", "a signed URL"
ENCODED, RANDOM = "base64 of a secret", "a random key"
JSON_WEB_TOKEN = "ey¦JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
AWS_ID = "AK¦IAZ7QXM4T2PLC6WRNB"
LOGINS = '{"auths": {"quay.io": {"au¦th": "' + encoded("robot:hunter2hunter2") + '"}}}'

SHAPES = [
    (AWS_ID, AWS),
    ("AS¦IAZ7QXM4T2PLC6WRNB", AWS),
    (f"my key is {AWS_ID}, keep it", AWS),
    (f"models/{AWS_ID}/x", AWS),
    (f"gh¦p_{MIXED[:36]}", GITHUB),
    (f"gh¦o_{MIXED[:36]}", GITHUB),
    (f"gh¦s_{MIXED[:36]}", GITHUB),
    (f"gh¦u_{MIXED[:36]}", GITHUB),
    (f"gh¦r_{MIXED[:36]}", GITHUB),
    (f"github¦_pat_{MIXED[:22]}_{MIXED[:59]}", GITHUB),
    (f"gl¦pat-{MIXED[:20]}", GITLAB),
    (f"gl¦dt-{MIXED[:20]}", GITLAB),
    (f"gl¦rt-{MIXED[:20]}", GITLAB),
    (f"h¦f_{MIXED[:34]}", HF),
    ("h¦f_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH", HF),
    (f"api¦_org_{MIXED[:34]}", HF),
    (f"xo¦xb-123456789012-1234567890123-{MIXED[:24]}", SLACK),
    (f"xo¦xp-123456789012-{MIXED[:24]}", SLACK),
    (f"xa¦pp-1-A0123456789-{MIXED[:24]}", SLACK),
    (f"https://hooks.slack¦.com/services/T01234567/B01234567/{MIXED[:24]}", SLACK),
    ("s¦k-T3stT3stT3stT3stT3st", API),
    (f"s¦k-proj-{MIXED[:48]}", API),
    (f"s¦k-ant-api03-{MIXED[:40]}-{MIXED[:40]}", API),
    (f"s¦k-or-v1-{HEX}", API),
    (f"s¦k-{HEX[:32]}", API),
    (f"s¦k_live_{MIXED[:24]}", API),
    (f"r¦k_test_{MIXED[:24]}", API),
    (f"nva¦pi-{MIXED[:64]}", API),
    (f"gs¦k_{MIXED[:52]}", API),
    (f"xa¦i-{MIXED[:60]}", API),
    (f"pp¦lx-{MIXED[:48]}", API),
    (f"r¦8_{MIXED[:37]}", API),
    (f"AI¦zaSy{MIXED[:33]}", API),
    (f"GOC¦SPX-{MIXED[:28]}", API),
    (f"ya2¦9.{MIXED[:60]}", API),
    (f"ls¦v2_pt_{HEX[:32]}_{HEX[:10]}", API),
    (f"np¦m_{MIXED[:36]}", API),
    (f"py¦pi-AgEIcHlwaS5vcmc{MIXED[:40]}", API),
    (f"dck¦r_pat_{MIXED[:27]}", API),
    (f"S¦G.{MIXED[:22]}.{MIXED[:43]}", API),
    (f"hv¦s.{MIXED[:24]}", API),
    (f"do¦p_v1_{HEX}", API),
    (f"gl¦sa_{MIXED[:32]}_0123abcd", API),
    (f"da¦pi{HEX[:32]}", API),
    (f"tsk¦ey-auth-{MIXED[:12]}-{MIXED[:32]}", API),
    (f"shp¦at_{HEX[:32]}", API),
    (f"wh¦sec_{MIXED[:32]}", API),
    (f"ATA¦TT3xFfGF0{MIXED[:40]}", API),
    (f"12345678:AA¦{MIXED[:33]}", "a bot's token"),
    (f"sha¦256~{MIXED[:43]}", OPENSHIFT),
    (JSON_WEB_TOKEN, JWT),
    (f"curl -H 'X-Token: {JSON_WEB_TOKEN}'", JWT),
    (f"Authorization: Be¦arer {MIXED[:20]}", BEARER),
    (f"be¦arer {MIXED[:20]}", BEARER),
    (LOGINS, DOCKER),
    (f"$2¦b$12${MIXED[:53]}", HASH),
    (f"admin:$ap¦r1$abcdefgh${MIXED[:22]}", HASH),
    (f"$6¦$saltsalt${MIXED[:60]}", HASH),
    (f"https://x.blob.core.windows.net/m?sv=2022&si¦g={MIXED[:40]}%3D", SIGNED),
    (f"https://b.s3.amazonaws.com/m?X-Amz-Sig¦nature={HEX}", SIGNED),
    (encoded(AWS_ID), ENCODED),
    (encoded(f"h¦f_{MIXED[:34]}"), ENCODED),
    (encoded("robot:hunter2hunter2"), ENCODED),
    (encoded(LOGINS), ENCODED),
    (encoded("-----BE¦GIN RSA PRIVATE KEY-----\nMIIE\n"), ENCODED),
    (encoded("AWS_SECRET_ACCESS_KEY=hunter2\n"), ENCODED),
    (encoded(JSON_WEB_TOKEN), ENCODED),
    ("wJalr¦XUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", RANDOM),
    ("xK9m¦Qz7RtB2vLp4WnY8sJd6HgF3cTe1A", RANDOM),
    ("q7Zx¦/9Lm+2Vb8Ks4Hd6Rt1Yw3Np5Jc0Gf7Ea2Ux4Zq8Mk=", RANDOM),
]


def numbered(values: Sequence[Any]) -> list[str]:
    """Names for tests that do not show what they test."""
    return [f"{number:02}" for number, _ in enumerate(values)]


@pytest.mark.parametrize(("value", "kind"), SHAPES, ids=numbered(SHAPES))
def test_a_secret_is_known_by_its_shape(value: str, kind: str) -> None:
    value = joined(value)
    expected = (
        f"[SEC001]: env.MODEL_SETTING: MODEL_SETTING holds a secret: it looks like {kind}; {store('MODEL_SETTING')}"
    )
    assert said_of(value) == [expected]
    assert said_of(f"x {value} y\n") == [expected]
    assert redacted(value) == "(hidden)"


PRIVATE_KEYS = [
    "-----BE¦GIN PRIVATE KEY-----\nMIIEvQ\n",
    "-----BE¦GIN RSA PRIVATE KEY-----",
    "-----BE¦GIN OPENSSH PRIVATE KEY-----",
    "-----BE¦GIN EC PRIVATE KEY-----",
    "-----BE¦GIN ENCRYPTED PRIVATE KEY-----",
    "-----BE¦GIN PGP PRIVATE KEY BLOCK-----",
    "PuT¦TY-User-Key-File-3: ssh-ed25519",
    f"AGE-SE¦CRET-KEY-1{'Q' * 58}",
]


@pytest.mark.parametrize("value", PRIVATE_KEYS, ids=numbered(PRIVATE_KEYS))
def test_a_private_key_is_called_one(value: str) -> None:
    assert said_of(joined(value)) == [
        f"[SEC004]: env.MODEL_SETTING: MODEL_SETTING holds a private key; {store('MODEL_SETTING')}"
    ]


WITHIN_URLS = [
    "https://key:s3c¦r3tpw@s3.example.org",
    "redis://:hunter2@cache:6379/0",
    "postgresql://user:pa$$word@db.example.org:5432/x?sslmode=require",
    "see https://bob:hunter2@git.example.org/x.git for it",
    "key:s3c¦r3tpw@s3.example.org",
    "oci://robot:hunter2@quay.io/acme/model:1",
]


@pytest.mark.parametrize("value", WITHIN_URLS, ids=numbered(WITHIN_URLS))
def test_a_password_in_a_url_is_found(value: str) -> None:
    assert said_of(joined(value)) == [
        "[SEC003]: env.MODEL_SETTING: MODEL_SETTING holds a secret: a password in a URL; "
        "remove the user and password from the URL, and put them into the environment's secret store"
    ]


GIVEN = [
    ("HF_TOKEN=abc", "HF_TOKEN"),
    ("export HF_TOKEN='abc def'; vllm serve", "HF_TOKEN"),
    ("https://example.org/m?version=2&access_token=abc", "access_token"),
    ('{"model": "x", "api_key": "abc"}', "api_key"),
    ("{'password': 'abc'}", "password"),
    ("db:\n  password: hunter2\n", "password"),
    ("- token: abc123", "token"),
    ("AccountName=x;AccountKey=abc;EndpointSuffix=y", "AccountKey"),
    ("Server=db;User=sa;Password=abc", "Password"),
]


@pytest.mark.parametrize(("value", "name"), GIVEN, ids=numbered(GIVEN))
def test_a_secret_given_to_a_name_within_a_text(value: str, name: str) -> None:
    variable = name if name.isupper() else "NAME"
    assert said_of(value) == [
        f"[SEC005]: env.MODEL_SETTING: MODEL_SETTING holds a secret: it gives {name} a value; {store(variable)}"
    ]


# ---- by name ---------------------------------------------------------------------------------------------------------

BY_NAME = "holds a secret, judging by its name"
STRING_DATA = "{kind: Secret, stringData: {user: me}, data: {x: eHg=}}"
LEAVE_OUT = "leave it out: what a connection needs to log in comes from the environment's secret store"
OPTION = f"{store('API_KEY')}, and write --api-key=$(API_KEY)"
KEEPS = "remove it, and revoke it where it is valid: Git keeps what was written"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            'env: {AWS_SECRET_ACCESS_KEY: "hunter2"}',
            [f"1:30 [SEC002]: env.AWS_SECRET_ACCESS_KEY: AWS_SECRET_ACCESS_KEY {BY_NAME}; {store('AWS_SECRET_ACCESS_KEY')}"],
        ),
        (
            "connections: {x: {s3: {secretAccessKey: hunter2}}}",
            [f"1:41 [SEC002]: connections.x.s3.secretAccessKey: secretAccessKey {BY_NAME}; {LEAVE_OUT}"],
        ),
        (
            "environments: {prod: {connections: {x: {password: abc}}}}",
            [f"1:51 [SEC002]: environments.prod.connections.x.password: password {BY_NAME}; {LEAVE_OUT}"],
        ),
        ("s3: {secretAccessKey: hunter2}", [f"1:23 [SEC002]: s3.secretAccessKey: secretAccessKey {BY_NAME}; {store()}"]),
        ("password: 12345678", [f"1:11 [SEC002]: password: password {BY_NAME}; {store()}"]),
        ("password: 1.5", [f"1:11 [SEC002]: password: password {BY_NAME}; {store()}"]),
        ("password: [abc, 7]", [
            f"1:12 [SEC002]: password[0]: password {BY_NAME}; {store()}",
            f"1:17 [SEC002]: password[1]: password {BY_NAME}; {store()}",
        ]),
        ("env: {HF_TOKEN: {value: abc}}", [f"1:25 [SEC002]: env.HF_TOKEN.value: value {BY_NAME}; {store()}"]),
        ("secrets: {hf-token: abc}", [f"1:21 [SEC002]: secrets.hf-token: hf-token {BY_NAME}; {store()}"]),
        ("credentials: {key: acme/x, secret: abc}", [f"1:36 [SEC002]: credentials.secret: secret {BY_NAME}; {store()}"]),
        ("s3: {key: a, accessKey: abc}", [f"1:25 [SEC002]: s3.accessKey: accessKey {BY_NAME}; {store()}"]),
        (
            "env:\n- name: HF_TOKEN\n  value: abc\n",
            [f"3:10 [SEC002]: env[0].value: HF_TOKEN {BY_NAME}; {store('HF_TOKEN')}"],
        ),
        (
            "env:\n- {value: 7, name: DB_PASSWORD}\n",
            [f"2:11 [SEC002]: env[0].value: DB_PASSWORD {BY_NAME}; {store('DB_PASSWORD')}"],
        ),
        (
            "p: [{op: add, path: /spec/x/env/-, value: {name: API_KEY, value: abc}}]",
            [f"1:66 [SEC002]: p[0].value.value: API_KEY {BY_NAME}; {store('API_KEY')}"],
        ),
        (
            "p: [{op: add, path: /metadata/annotations/acme.org~1api-token, value: abc}]",
            [f"1:71 [SEC002]: p[0].value: acme.org~1api-token {BY_NAME}; {store()}"],
        ),
        ("args: [--api-key=abc]", [f"1:8 [SEC005]: args[0]: --api-key holds a secret: it gives --api-key a value; {OPTION}"]),
        ("args: [--api-key, abc]", [f"1:19 [SEC002]: args[1]: --api-key {BY_NAME}; {OPTION}"]),
        ("args: ['--api-key abc']", [f"1:8 [SEC005]: args[0]: --api-key holds a secret: it gives --api-key a value; {OPTION}"]),
        (
            "command: [sh, -c, 'vllm --hf-token=abc']",
            [
                "1:19 [SEC005]: command[2]: -c holds a secret: it gives --hf-token a value; "
                f"{store('HF_TOKEN')}, and write --hf-token=$(HF_TOKEN)"
            ],
        ),
        (
            STRING_DATA,
            [
                f"1:35 [SEC002]: stringData.user: user {BY_NAME}; {store()}",
                f"1:50 [SEC002]: data.x: x {BY_NAME}; {store()}",
            ],
        ),
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name(content: str, expected: list[str]) -> None:
    assert texts(f"{content}\n") == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            f"args: [--max-model-len=8192, --api-key={joined('s¦k-T3stT3stT3stT3stT3st')}]",
            [f"1:30 [SEC001]: args[1]: --api-key holds a secret: it looks like {API}; {OPTION}"],
        ),
        (
            f"args: [--hf-token, {joined(f'h¦f_{MIXED[:34]}')}]",
            [
                f"1:20 [SEC001]: args[1]: --hf-token holds a secret: it looks like {HF}; "
                f"{store('HF_TOKEN')}, and write --hf-token=$(HF_TOKEN)"
            ],
        ),
        (
            f"tokens: [ci, {joined('s¦k-T3stT3stT3stT3stT3st')}]",
            [
                f"1:14 [SEC001]: tokens[1]: tokens holds a secret: it looks like {API}; "
                "write names there: the cluster makes a token for each"
            ],
        ),
        (
            f"env:\n- name: SETTING\n  value: {joined(AWS_ID)}\n",
            [f"3:10 [SEC001]: env[0].value: SETTING holds a secret: it looks like {AWS}; {store('SETTING')}"],
        ),
        (
            f"patch: [{{op: add, path: /env/-, value: {{name: SETTING, value: {joined(AWS_ID)}}}}}]",
            [f"1:63 [SEC001]: patch[0].value.value: SETTING holds a secret: it looks like {AWS}; {store('SETTING')}"],
        ),
        (
            f"a: [[{joined(AWS_ID)}]]",
            [f"1:6 [SEC001]: a[0][0]: a holds a secret: it looks like {AWS}; {KEEPS}"],
        ),
        (
            f"models: {{llama: {{description: key {joined(AWS_ID)}, displayName: 'X {joined(AWS_ID)}'}}}}",
            [
                f"1:31 [SEC001]: models.llama.description: description holds a secret: it looks like {AWS}; {KEEPS}",
                f"1:70 [SEC001]: models.llama.displayName: displayName holds a secret: it looks like {AWS}; {KEEPS}",
            ],
        ),
        (
            f"location: {{uri: 'https://models.example.org/{joined(AWS_ID)}'}}",
            [f"1:17 [SEC001]: location.uri: uri holds a secret: it looks like {AWS}; {KEEPS}"],
        ),
        (
            "description: log in with password=hunter2",
            [f"1:14 [SEC005]: description: description holds a secret: it gives password a value; {KEEPS}"],
        ),
        (
            f"description: {joined('-----BE¦GIN PRIVATE KEY-----')}",
            [f"1:14 [SEC004]: description: description holds a private key; {KEEPS}"],
        ),
        (
            f"environments: {{prod: {{models: {{llama: {{env: {{X: {joined(AWS_ID)}}}}}}}}}}}",
            [
                "1:49 [SEC001]: environments.prod.models.llama.env.X: X holds a secret: "
                f"it looks like {AWS}; {store('X')}"
            ],
        ),
    ],
)
def test_a_finding_names_the_field_and_points_at_the_value(content: str, expected: list[str]) -> None:
    assert texts(f"{content}\n") == expected


def test_a_key_that_is_a_secret_is_found_and_not_written() -> None:
    assert texts(f"env: {{{joined(AWS_ID)}: {{DB_PASSWORD: abc}}}}\n") == [
        f"1:7 [SEC006]: env.(hidden): this key is a secret, or looks like one; {store()}",
        f"1:43 [SEC002]: env.(hidden).DB_PASSWORD: DB_PASSWORD {BY_NAME}; {store('DB_PASSWORD')}",
    ]
    assert texts(f"{joined(f'h¦f_{MIXED[:34]}')}: [{joined(AWS_ID)}]\n") == [
        f"1:1 [SEC006]: (hidden): this key is a secret, or looks like one; {store()}",
        f"1:41 [SEC001]: (hidden)[0]: (hidden) holds a secret: it looks like {AWS}; {KEEPS}",
    ]


LETTERS = "abcdefghijklmnop"
PRESENTED = [
    (f"env: {{SETTING: Bearer {LETTERS}}}", "1:16", "env.SETTING", "SETTING", "a bearer token"),
    (f"env: {{SETTING: 'bearer  {LETTERS} '}}", "1:16", "env.SETTING", "SETTING", "a bearer token"),
    (f"env: {{SETTING: TOKEN {LETTERS}}}", "1:16", "env.SETTING", "SETTING", "an access token"),
    ("env: {SETTING: Token 123e4567-e89b-12d3-a456-426614174000}", "1:16", "env.SETTING", "SETTING", "an access token"),
    (f"env: {{SETTING: Basic {LETTERS}}}", "1:16", "env.SETTING", "SETTING", "a user and password"),
    (f"env: {{SETTING: Basic {encoded('m¦e:abc')}}}", "1:16", "env.SETTING", "SETTING", "a user and password"),
    (f"env: [{{name: SETTING, value: Bearer {LETTERS}}}]", "1:30", "env[0].value", "SETTING", "a bearer token"),
    (f"env: {{SETTING: 'Authorization: Bearer {LETTERS}'}}", "1:16", "env.SETTING", "SETTING", "a bearer token"),
    ("env: {SETTING: 'authorization=Token s3cr3tabc'}", "1:16", "env.SETTING", "SETTING", "an access token"),
    ("env: {SETTING: 'Authorization: Bearer tEstAbcd'}", "1:16", "env.SETTING", "SETTING", "a bearer token"),
    (f"env: {{SETTING: '{{\"Authorization\": \"Basic {encoded('m¦e:abc')}\"}}'}}", "1:16", "env.SETTING", "SETTING",
     "a user and password"),
    (f"args: [--header, Bearer {LETTERS}]", "1:18", "args[1]", "--header", "a bearer token"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "place", "path", "field", "kind"), PRESENTED, ids=numbered(PRESENTED))
def test_a_secret_behind_the_word_that_presents_it(content: str, place: str, path: str, field: str, kind: str) -> None:
    hint = store(field) if field == "SETTING" else f"{store('HEADER')}, and write --header=$(HEADER)"
    assert texts(f"{content}\n") == [f"{place} [SEC001]: {path}: {field} holds a secret: it looks like {kind}; {hint}"]


def test_a_header_is_found_in_every_text_and_a_credential_alone_is_not() -> None:
    assert texts(f"description: 'send Authorization: Bearer {LETTERS} with it'\n") == [
        f"1:14 [SEC001]: description: description holds a secret: it looks like a bearer token; {KEEPS}"
    ]
    assert texts(f"description: Bearer {LETTERS}\n") == []


def test_comments_are_searched_too() -> None:
    content = f"""\
# HF_TOKEN={joined(f"h¦f_{MIXED[:34]}")}
a: 1  # password: hunter2
b: "x # {joined(AWS_ID)}"
c: |
  # {joined("-----BE¦GIN PRIVATE KEY-----")}
# {joined("-----BE¦GIN PRIVATE KEY-----")}x
# the password is in the vault; token: see there
# aws_secret_access_key = {LETTERS}KEY2
# hf_token= abc123
# hf_token = see the vault, entry 2
# max_token = 4096tokens
# token = <yours, 40 letters>
# xK9mQz7RtB2vLp4WnY8sJd6HgF3cTe1A
"""
    assert texts(content) == [
        f"1:1 [SEC007]: a comment holds a secret; {KEEPS}",
        f"2:7 [SEC007]: a comment holds a secret; {KEEPS}",
        f"3:4 [SEC001]: b: b holds a secret: it looks like {AWS}; {KEEPS}",
        f"4:4 [SEC004]: c: c holds a private key; {KEEPS}",
        f"6:1 [SEC007]: a comment holds a private key; {KEEPS}",
        f"8:1 [SEC007]: a comment holds a secret; {KEEPS}",
        f"9:1 [SEC007]: a comment holds a secret; {KEEPS}",
        f"13:1 [SEC007]: a comment holds a secret; {KEEPS}",
    ]


def test_all_secrets_are_found_at_once_up_to_a_hundred() -> None:
    assert [text[:6] for text in texts("password: abc\nenv: {X_TOKEN: abc}\ntoken: abc\n")] == [
        "1:11 [",
        "2:16 [",
        "3:8 [S",
    ]
    rows = "".join(f"- {{password: abc{number}}}\n" for number in range(300))
    assert len(texts(f"a:\n{rows}")) == 100
    assert len(texts("password: [" + "abc, " * 300 + "]\n")) == 100
    assert len(texts("# password: hunter2\n" * 300 + "a: 1\n")) == 100


# ---- what is none ----------------------------------------------------------------------------------------------------

INNOCENT = [
    "env: {TOKENIZERS_PARALLELISM: 'false', TIKTOKEN_ENCODINGS_BASE: /etc/encodings}",
    "location: {path: sk-models/akia/llama-3}",
    "location: {path: sk-models-llama-3-instruct-chat-large-with-a-very-long-name-2025}",
    "description: The password is in the vault; ask for a token",
    "description: 'Token: required. Password: ask Bob.'",
    "description: 'secret: see the wiki'",
    "image: registry.example.org/vllm@sha256:" + "ec8207a3dde607f7867f8f5390915018488b877761306ffd4ef099f9b3ee16a1",
    "uri: oci://quay.io/acme/model@sha256:" + "ec8207a3dde607f7867f8f5390915018488b877761306ffd4ef099f9b3ee16a1",
    "revision: 25921e05a0b1c2d3e4f5060718293a4b5c6d7e8f",
    "uid: 4f0c2f0e-6d0b-4a51-9b52-6c2f1d1f2a10",
    "env: {HF_TOKEN: {secret: hf-token, key: token}}",
    "env: {HF_TOKEN: {secret: HF_Token, key: token}}",
    "env: {HF_TOKEN: {secret: hf-token}}",
    "env: {API_KEY: {secret: api-key, key: api_key}}",
    "tokens: [ci, chatbot]",
    "tokens: [api-token, secret, password]",
    "secrets: {hf-token: {keys: [token, password, api-key]}}",
    "secrets: {hf-token: null, db-password: {keys: [password]}}",
    "secrets: {hf-token: [token]}",
    "secrets: {provider: external-secrets, store: {kind: SecretStore, name: vault}, keyPrefix: nerc/prod}",
    "credentials: {key: acme/object-store}",
    "args: [--max-tokens=100, --tokenizer=mistral, --enable-auto-tool-choice, --tool-call-parser=hermes]",
    "args: [--tokenizer, mistral, --tokenizer-mode=auto, --max-num-batched-tokens, '8192']",
    "args: [--tokenizer_mode=auto, --skip-tokenizer-init, --return-tokens-as-token-ids]",
    "args: [--api-key=$(API_KEY), --hf-token, $(HF_TOKEN)]",
    "args: ['--api-key=${API_KEY}', '--api-key=<your key>', '--password=']",
    "args: [--hf-token, --model=/mnt/models]",
    "args: [--served-model-name=granite-3-8b-instruct, '--override-generation-config={\"temperature\": 0.5}']",
    'args: [\'--speculative-config={"method": "eagle", "num_speculative_tokens": 3}\']',
    'args: [\'--chat-template-kwargs={"eos_token": "</s>", "pad_token_id": 2}\']',
    "args: [--lora-modules=adapter-0=/mnt/models/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-0]",
    "command: [sh, -c, 'TOKEN=$(cat /var/run/secrets/token) exec vllm serve']",
    "tokenizer_mode: auto",
    "env: {OPENAI_API_KEY: EMPTY, HF_TOKEN: '', API_KEY: none}",
    "env: {HF_TOKEN_PATH: /run/secrets/hf, API_KEY_FILE: /etc/key, TOKEN: /var/run/secrets/token}",
    "env: {MYSQL_ALLOW_EMPTY_PASSWORD: '1', USE_AUTH_TOKEN: 'true'}",
    "automountServiceAccountToken: false",
    "volumes: [{name: x, secret: {secretName: hf-token, items: [{key: token, path: token}]}}]",
    "env: [{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hf-token, key: token}}}]",
    "env: [{name: HF_TOKEN, value: $(OTHER)}, {name: HF_HOME, value: /tmp/hf_home}]",
    "imagePullSecrets: [{name: pull-secret}]",
    "imagePullSecret: quay-pull",
    "data: [{secretKey: AWS_ACCESS_KEY_ID, remoteRef: {key: a/b, property: AWS_ACCESS_KEY_ID}}]",
    "data: {ca.crt: x, config.json: '{}'}",
    "serviceAccountToken: {path: token, expirationSeconds: 3600}",
    "tolerations: [{key: nvidia.com/gpu.product, operator: Equal, value: NVIDIA-A100-SXM4-40GB}]",
    "topologyKey: kubernetes.io/hostname",
    "endpoint: https://stack.nerc.mghpcc.org:13808",
    "repoURL: https://git@github.com/OCP-on-NERC/models.git",
    "repoURL: git@github.com:OCP-on-NERC/models.git",
    "repoURL: ssh://git@github.com/OCP-on-NERC/models.git",
    "uri: https://user:$(PASSWORD)@models.example.org/x",
    "contact: mailto:bob2@example.org",
    "url: https://example.org/a:b/c@d",
    "url: https://example.org/?q=token&key=value",
    "name: meta-llama/Llama-3.1-405B-Instruct-FP8-dynamic",
    "name: DeepSeek-R1-Distill-Qwen-32B-AWQ-Int4-G128",
    "name: NousHermes2Mixtral8x7BDPOInstructGPTQ",
    "path: models/meta/llama/instruct/checkpoints/v1/final/merged/weights",
    "path: Models/MetaLlama/InstructTurbo/ChatModels/Final",
    "sum: h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "hash: sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "icon: data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "text: dGhpcyBpcyBqdXN0IGEgc2VudGVuY2Ugd2l0aCB3b3Jkcw==",
    "key: ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0",
    f"ca: |\n  -----BEGIN CERTIFICATE-----\n  MIIB{MIXED[:60]}\n  -----END CERTIFICATE-----",
    f"key: |\n  -----BEGIN PUBLIC KEY-----\n  MFkw{MIXED[:60]}\n  -----END PUBLIC KEY-----",
    "annotations: {opendatahub.io/recommended-accelerators: '[\"nvidia.com/gpu\"]'}",
    "annotations: {serving.knative.openshift.io/enablePassthrough: 'true'}",
    "annotations: {security.opendatahub.io/enable-auth: 'true'}",
    "p: [{op: add, path: /spec/predictor/priorityClassName, value: research}]",
    "p: [{op: add, path: /metadata/annotations/x~1enable-auth-token, value: 'false'}]",
    "parameters: [{name: API_TOKEN, required: true, value: ''}]",
    "namespace: xoxo-kisses-and-hugs",
    "name: hf_transfer",
    "name: ghp_short",
    "name: AKIAMODEL",
    "name: eyJ.not.a.token",
    "text: Bearer authentication-is-required-for-this-endpoint",
    "text: '-----BEGIN is how it begins'",
    "env: {TITLE: Bearer tokens are accepted, HINT: Basic authentication, TASK: token classification}",
    "env: {TITLE: Basic Llama-3.1-8B-Instruct, HINT: Token 2, AUTH: Basic, SCHEME: Bearer}",
    "env: {TITLE: 'Authorization: Bearer tokens are accepted', HINT: 'authorization: basic authentication'}",
    "env: {HEADER: Bearer $(API_TOKEN), OTHER: 'Authorization: Bearer <token>', MORE: Bearer YOUR_TOKEN}",
    "env: {HEADER: 'Authorization: Bearer ${TOKEN}', TITLE: The bearer of abcdefghijklmnop}",
    "description: 'Authorization: Bearer authentication-is-required for this endpoint'",
    "secret: {secretName: x}",
    "password: null",
    "token: true",
]


@pytest.mark.parametrize("content", INNOCENT)
def test_what_is_no_secret_passes(content: str) -> None:
    assert texts(f"{content}\n") == []


def test_the_tables_are_as_large_as_they_should_be() -> None:
    assert len(SHAPES) >= 60
    assert len(INNOCENT) >= 60


# ---- any document ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [None, 1, True, [], {}, [[[]]], {"a": {"b": [{}]}}, "text", {"password": {}}, [None, 1.5]]
)
def test_no_shape_of_a_document_is_asked_for(data: Any) -> None:
    assert scan(Document("x.yaml", data, {}, {}, {})) == []


def test_a_document_that_is_one_secret() -> None:
    (finding,) = scan(Document("x.yaml", joined(AWS_ID), {}, {}, {}))
    assert finding.text() == f"x.yaml:1:1: error[SEC001]: [0]: the file holds a secret: it looks like {AWS}; {KEEPS}"


def test_deep_documents_are_searched_without_recursion() -> None:
    data: Any = joined(AWS_ID)
    for _ in range(5000):
        data = [data]
    assert [finding.at for finding in scan(Document("x.yaml", data, {}, {}, {}))] == [Location("x.yaml", 1, 1)]


ALL = [*(value for value, _ in SHAPES), *PRIVATE_KEYS, *WITHIN_URLS]


@pytest.mark.parametrize("value", ALL, ids=numbered(ALL))
def test_no_finding_holds_a_part_of_the_value(value: str) -> None:
    value = joined(value)
    document = {"env": {value: value, "HF_TOKEN": value}, "args": [value, f"--api-key={value}", "--api-key", value]}
    said = "".join(finding.text() for finding in scan(Document("x.yaml", document, {}, {}, {}, f"# {value}\n")))
    words = [value[start : start + 8] for start in range(len(value) - 7)]
    assert [word for word in words if word in said and " " not in word] == []


@pytest.mark.parametrize("size", [1 << 14])
@pytest.mark.parametrize(
    "part",
    [
        "://",
        "a=",
        "key: ",
        "eyJ",
        "sk-",
        "QUtJ",
        "://a:",
        "aZ0",
        "Bearer ",
        "authorization: token ",
        "-----BEGIN ",
        "# a",
    ],
)
def test_hostile_texts_take_no_time(part: str, size: int) -> None:
    text = (part * size)[:size]
    scan(Document("x.yaml", {"a": [f"{number}{text}" for number in range(4)], text: 1}, {}, {}, {}, f"# {text}"))


# ---- values in messages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        ("nvidia-h100-gpu", "", "'nvidia-h100-gpu'"),
        ("", "", "''"),
        (8, "", "8"),
        (2.1, "", "2.1"),
        (True, "", "true"),
        (False, "password", "false"),
        (None, "password", "null"),
        ([1], "", "a list"),
        ({"password": "abc"}, "", "a map"),
        ("x" * 38, "", f"'{'x' * 38}'"),
        ("x" * 39, "", f"'{'x' * 35}...'"),
        (10**60, "", f"1{'0' * 36}..."),
        ("a\nb\x1b", "", r"'a\u000ab\u001b'"),
        ("abc", "password", "(hidden)"),
        (12345, "DB_PASSWORD", "(hidden)"),
        ("abc", "--api-key", "(hidden)"),
        ("abc", "tokenizer", "'abc'"),
        ("--api-key=abc", "", "(hidden)"),
        (f"Bearer {LETTERS}", "", "(hidden)"),
        ("Bearer tokens", "", "'Bearer tokens'"),
    ],
)
def test_a_value_for_a_message(value: object, key: str, expected: str) -> None:
    assert redacted(value, key) == expected
    assert len(expected) <= 40


def test_a_pointer_for_a_message() -> None:
    assert spelled(("env", "HF_TOKEN", 0, "x")) == "env.HF_TOKEN[0].x"
    assert spelled(("env", joined(AWS_ID), 0)) == "env.(hidden)[0]"
    assert spelled(("x" * 63, "x" * 64)) == f"{'x' * 63}.{'x' * 60}..."
