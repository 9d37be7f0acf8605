"""Secrets of a tree file stay out of logs and command lines."""

import pytest
import yaml

from arbiter.errors import ConfigError
from deploy.run import main
from deploy.runtime.config import load_text, load_tree
from deploy.runtime.masks import check_settings, is_secret, masked


@pytest.mark.parametrize(
    "key", ["api_key", "apiKey", "API-KEY", "key", "token", "hf_token", "my.secret", "password", "db_password_2"]
)
def test_keys_named_like_a_secret(key):
    assert is_secret(key)


@pytest.mark.parametrize("key", ["keys", "tokens", "tokenizer", "kp", "monkey", "api_key_file", "token_path", "keyboard"])
def test_keys_named_like_none(key):
    assert not is_secret(key)


def test_whatever_lies_below_a_secret_is_masked():
    value = {
        "a": {"token": {"x": ["s3cret", 7]}, "path": "ws://me:s3cret@host:1/x", "none": {"key": None}},
        "list": [{"key": "s3cret"}],
    }
    assert masked(value) == {
        "a": {"token": {"x": ["***", "***"]}, "path": "ws://***@host:1/x", "none": {"key": None}},
        "list": [{"key": "***"}],
    }


def test_the_settings_in_force_are_logged_without_secrets_and_read_again():
    loaded = load_tree("default.yaml", ["policies.chunk.options.api_key=s3cret", "policies.chunk.options.kind=onnx"])
    text = loaded.resolved_yaml()
    options = yaml.safe_load(text)["policies"]["chunk"]["options"]
    assert "s3cret" not in text and options["api_key"] == "***" and options["kind"] == "onnx"
    again = load_text(text, loaded.path).node.plain()
    assert "api_key" not in again["policies"]["chunk"]["options"], "a mask is no key"


def test_a_secret_among_the_arguments_is_refused_and_not_repeated(capsys):
    assert main(["--set", "policies.chunk.options.api_key=s3cret", "--fast"]) == 2
    told = capsys.readouterr().err
    assert "every user of this machine sees the command line" in told and "s3cret" not in told
    with pytest.raises(ConfigError, match="POLICY_ARBITER_API_KEY"):
        check_settings(["a.token=1"])
    check_settings(["control.blend_time=0.2", "policies.chunk.options.api_key_file=key"])
