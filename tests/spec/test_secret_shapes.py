"""Shapes of secrets in every place where a text can hold one; and what looks like none. In parts, as in `test_secrets`."""

from __future__ import annotations

import itertools
import json
import random
import re
import string
import time
from pathlib import Path

import pytest
import yaml

from console import modelfleet, write
from modelfleet.packaged import packaged_data
from modelfleet.spec.load import parse
from modelfleet.spec.secret_names import redacted_pointer
from modelfleet.spec.secret_shapes import known_shapes, may_be_secret
from modelfleet.spec.secrets import redacted, scan

MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5z"
HEX = "0123456789abcdef" * 4
UPPER = "A1B2C3D4E5F6G7H8J9K0L1M2N3P4Q5R6S7T8U9V0W1X2Y3Z4A5B6C7D8E9F0G1H2"
UUID = "123e4567-e89b-12d3-a456-426614174000"


def joined(text: str) -> str:
    return text.replace("¦", "")


TOKENS = [
    f"IQoJb3JpZ2lu¦X2Vj{MIXED * 5}", f"FwoG¦ZXIvYXdz{MIXED * 3}", f"GR13¦48941{MIXED[:20]}", f"s¦k-lf-{UUID}", f"s¦k_{HEX[:48]}",
    f"NRA¦K-{UPPER[:27]}", f"PMA¦K-{HEX[:24]}-{HEX[:34]}", f"pu¦l-{HEX[:40]}", f"sq¦u_{HEX[:40]}", f"sb¦p_{HEX[:40]}",
    f"ruby¦gems_{HEX[:48]}", f"CCI¦PAT_{MIXED[:22]}_{HEX[:40]}", f"bk¦ua_{HEX[:40]}", f"sq0¦atp-{MIXED[:22]}",
    f"gl¦c_{MIXED[:60]}",
    f"S¦K{HEX[:32]}", f"ke¦y-{HEX[:32]}", f"cs¦k-{MIXED[:48]}", f"f¦w_{MIXED[:24]}", f"p¦a-{MIXED[:43]}", f"tg¦p_v1_{MIXED[:43]}",
    f"s¦.{MIXED[:24]}", f"ATC¦TT3{MIXED[:40]}", f"ATB¦B{MIXED[:32]}", f"LTA¦I{MIXED[:20]}", f"d¦p.pt.{MIXED[:43]}",
    f"duff¦el_live_{MIXED[:43]}", f"EZ¦AK{MIXED[:54]}", f"fi¦gd_{MIXED[:43]}", f"HRK¦U-AA{MIXED[:58]}", f"pa¦t-na1-{UUID}",
    f"ic¦o-{MIXED[:32]}", f"lin¦_api_{MIXED[:40]}", f"nf¦p_{MIXED[:40]}", f"nt¦n_{MIXED[:46]}", f"psc¦ale_tkn_{MIXED[:40]}",
    f"pn¦u_{MIXED[:36]}", f"xkey¦sib-{HEX}-{MIXED[:16]}", f"sntr¦ys_{MIXED[:60]}", f"ship¦po_live_{HEX[:40]}", f"sg¦p_{HEX[:40]}",
    f"ops_¦eyJ{MIXED[:60]}", f"ai¦o_{MIXED[:28]}", f"tvl¦y-{MIXED[:32]}", f"e2¦b_{HEX[:40]}", f"oy¦2{HEX[:43]}",
    f"hv¦p.{MIXED[:40]}",
    f"{UPPER}¦", f"a1b8¦Q~{MIXED[:34]}",
]  # fmt: skip
PLACES = [
    "{}", "x {} y", "--setting={}", "--setting {}", "https://models.example.org/{}", "https://a.example/m?x={}",
    "SETTING={}", "'{}'",
    "see ({}) for it", "a: {}\nb: c", "[{}]",
]  # fmt: skip
WHOLE = [
    f"https://{MIXED[:24]}¦@github.com/org/x.git", "curl -¦u admin:hunter https://a.example", "curl --us¦er 'admin:hunter'",
    "curl -H 'X-Api¦-Key: hunter' https://a.example", "-H 'Private¦-Token: abcd'", f"https://s.example/o?X-Goog¦-Signature={HEX}",
    f"https://discord¦.com/api/webhooks/123456789012345678/{MIXED[:60]}",
    f"https://x.webhook.office¦.com/webhookb2/{UUID}@{UUID}",
    "apiVersion: v1\nkind: Sec¦ret\nstringData:\n  password: hunter\n",
    "kind: Sec¦ret\nmetadata: {name: a}\ndata:\n  a: aHVudGVy\n",
    "start with --api¦-key hunter2 and more", "the pass¦word: hunter2, as ever", "sh -c 'vllm serve --hf¦-token Hunter'",
]  # fmt: skip


def found_in(value: str) -> bool:
    return bool(scan(parse(f"env: {{MODEL_SETTING: {json.dumps(value)}}}\n".encode(), "projects/a.yaml")))


def test_more_than_500_shapes_are_known() -> None:
    shapes = [place.format(joined(token)) for token, place in itertools.product(TOKENS, PLACES)] + list(
        map(joined, WHOLE)
    )
    assert len(shapes) > 500
    assert [number for number, shape in enumerate(shapes) if not found_in(shape)] == []


@pytest.mark.parametrize("place", ["# {}", "a{number}: 1 # {}", "# key={}", "# https://a.example/{}"])
def test_they_are_known_in_comments(place: str) -> None:
    lines = [place.format(joined(token), number=number) for number, token in enumerate(TOKENS)]
    content = "\n".join(["x: 1", *lines, ""])
    assert len(scan(parse(content.encode(), "a.yaml"))) == len(TOKENS)


RULES = yaml.safe_load(Path(__file__).with_name("gitleaks-rules.yaml").read_text("utf-8"))


@pytest.mark.parametrize("rule", RULES["shape"])
def test_what_another_scanner_tells_by_its_shape_is_told_by_its_shape(rule: str) -> None:
    assert found_in(joined(RULES["shape"][rule]))


@pytest.mark.parametrize("rule", RULES["name"])
def test_what_another_scanner_tells_by_a_word_beside_it_is_told_by_the_name_of_the_field(rule: str) -> None:
    variable = rule.upper().replace("-", "_")
    assert scan(parse(f"env: {{{variable}: {HEX[:32]}}}\n".encode(), "projects/a.yaml"))


def test_what_only_names_a_client_is_no_secret() -> None:
    assert [
        rule
        for rule in RULES["none"]
        if scan(parse(f"env: {{{rule.upper().replace('-', '_')}: {UUID}}}\n".encode(), "a.yaml"))
    ] == []


KEYS = ["x7Kp2Qm9V¦w4Zt6Rb1Nc8Ld3Fg5Hj0Ys2Ue4Ia6Oo", "wJalr¦XUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]


@pytest.mark.parametrize("place", ["{}", "--x={}", "https://a.example/{}", "a={}", "s3://b/{}"])
@pytest.mark.parametrize("key", KEYS)
def test_a_random_key_does_not_slip_through(key: str, place: str) -> None:
    assert found_in(place.format(joined(key)))


@pytest.mark.parametrize("place", ["{}", "true{}", "x{}y", "a/{}", "({})", "k={}", "name-{}"])
def test_nothing_that_may_be_one_is_shown(place: str) -> None:
    shown = [place.format(joined(token)) for token in TOKENS if redacted(place.format(joined(token))) != "(hidden)"]
    assert shown == []
    keys = [place.format(joined(token)) for token in TOKENS if len(token) > 15]
    assert [key for key in keys if redacted_pointer((key,)) == key] == []


BENIGN = [
    "VisionM38x7bLargeGranite8x7bMoeLlamaLora", "granite-3.1-8b-instruct", "meta-llama/Llama-3.3-70B-Instruct-FP8-dynamic",
    "registry.redhat.io/rhoai/odh-vllm-cuda-rhel9@sha256:" + HEX, "s3://models/granite/checkpoint-12000", "--max-model-len=20000",
    "quay.io/modh/vllm:rhoai-2.25-cuda", "neuralmagic/DeepSeek-R1-Distill-Qwen-32B-quantized.w4a16", "oc login --token <yours>",
    "docker run -u 1000:1000 x", "set --api-key in the environment", "use --token-file instead", "token: see the vault",
    "the key: value pairs", "kind: Secret is not rendered here", "https://git@github.com/org/x.git", "ssh://git@github.com/org/x",
    "nvidia.com/gpu.product=NVIDIA-A100-SXM4-40GB", "00000000-0000-0000-0000-000000000000", "sk-learn", "pa-rt-of-a-name",
    "SKU123",
    "key-value-store", "hf_transfer", "fw_version_2", "s.example.org",
    "https://a.example/path/to/some/very/long/model/name/v2/weights",
    "mailto:someone@example.org", "maximum-tokens: 4096tokens", "pat-terns", "npm_config_cache", "ico-nography",
]  # fmt: skip


def test_what_looks_like_none_is_left_alone() -> None:
    assert [text for text in BENIGN if found_in(text)] == []
    assert scan(parse(b"models: {a: {description: 'token: chatbot2'}}\n", "a.yaml")) == []
    assert redacted("VisionM38x7bLargeGranite8x7bMoeLlamaLora") == "'VisionM38x7bLargeGranite8x7bMoeLlam...'"


def test_false_alarms_stay_under_one_in_a_thousand() -> None:
    rng = random.Random(7)
    words = "granite llama mistral qwen deepseek phi gemma falcon vision instruct chat base code math large small tiny moe lora"
    parts = [*words.split(), "8b", "70b", "8x7b", "v2", "3.1", "r1", "a100", "2024", "int4", "q4_k_m", "128k"]
    made = []
    for _ in range(5000):
        picked = [rng.choice(parts) for _ in range(rng.randint(2, 7))]
        form = rng.choice(["-", "_", "/", ".", "", " "])
        name = "".join(part.capitalize() for part in picked) if not form else form.join(picked)
        made.append(
            rng.choice(["{}", "--model={}", "s3://models/{}/weights", "quay.io/acme/{}:1.0", "see {} for it"]).format(
                name
            )
        )
    assert sum(map(found_in, made)) <= 5
    assert sum(map(may_be_secret, made)) <= 75  # which hides a name in a message, and refuses nothing


PLACES_OF_WRONG_VALUES = [
    "platform: {}", "version: {}", "models: {{m: {{mode: {}}}}}", "models: {{m: {{replicas: {}}}}}",
    "models: {{m: {{route: {{timeout: {}}}}}}}",
    "connections: {{c: {{s3: {{endpoint: {}, bucket: b}}}}}}", "models: {{m: {{size: [{}]}}}}", "namespace: {}", "more: {}",
    "models: {}",
    "models: {{m: {{location: {{pvc: {}}}}}}}", "models: {{m: {{env: {{{}: a}}}}}}", "{}: 1", "models: {{{}: {{}}}}",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES_OF_WRONG_VALUES)
def test_a_secret_in_the_wrong_place_is_never_printed(place: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("p")
    tokens = [
        joined(token) for token in TOKENS if not set(joined(token)) - set(string.ascii_letters + string.digits + "-_.~")
    ]
    for index, token in enumerate(tokens):
        write(root, {f"projects/p{index}.yaml": f"version: 1\nplatform: single-model\n{place.format(token)}\n"})
    done = modelfleet(root, "check")
    assert done.code in (1, 4)
    assert [token for token in tokens if token[6:26] in done.out + done.err] == []


def test_what_every_text_of_a_shape_holds_stands_in_its_pattern() -> None:
    shapes = [shape for some in known_shapes().values() for shape in some]
    assert [one for one in shapes if one.holds not in one.anywhere.pattern.replace("\\", "")] == []
    assert [one for one in shapes if "|" in _outside_of_groups(one.anywhere.pattern)] == []
    assert [one.kind for one in shapes if len(one.holds) < 2] == [
        "a URL with a password",
        "the hash of a password",
        "a bot's token",
        "a URL with a token",
        "a robot's token",
        "a header with a key",
    ], "which are tried on almost every text"


def _outside_of_groups(pattern: str) -> str:
    pattern = re.sub(r"\\.|\[[^]]*\]", "", pattern)
    while (inner := re.sub(r"\([^()]*\)", "", pattern)) != pattern:
        pattern = inner
    return pattern


def test_every_shape_is_a_pattern_that_takes_no_time() -> None:
    data = packaged_data("secrets")
    assert set(data) == {"begins", "contains"}
    patterns = [shape.anywhere.pattern for shapes in known_shapes().values() for shape in shapes]
    assert len(patterns) == len(set(patterns))
    for pattern in patterns:
        begun = time.monotonic()
        for text in (
            "a1B2" * 4000,
            "://" + "a1" * 8000,
            "kind: Secret\n" * 1000,
            "x-" * 8000,
            "-u a:" * 3000,
            "eyJ" * 5000,
        ):
            re.search(pattern, text)
        assert time.monotonic() - begun < 2, pattern
