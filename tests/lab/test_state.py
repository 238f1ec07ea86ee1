import pytest

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab import state
from gnlab.lab.state import Choices, from_query


def test_a_link_restores_every_choice():
    choices, remarks = from_query("?preset=moons")
    assert not remarks
    for name, value in {
        "partition": "role", "direction": "adam", "lr": 0.25, "damping": 0.0, "period": 3,
        "batch_size": 64, "summary_batch_size": 128, "seed": 11, "order": "blocks",
        "scale": "scale-free", "lock": True, "theme": "dark", "pace": 2.0,
    }.items():  # fmt: skip
        assert choices.choose(name, value) == ""
    restored, remarks = from_query(choices.query())
    assert not remarks
    for name in (*state.RUN, *state.VIEW):
        assert getattr(restored, name) == getattr(choices, name), name


def test_what_a_link_leaves_out_is_the_presets_recommendation_seen_at_every_step():
    choices, remarks = from_query("preset=lenet-cifar10")
    assert not remarks
    assert choices.settings() == runs.Settings(preset="lenet-cifar10", period=1)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("preset=digit-mlp", "one of digits-mlp, digits-deep, moons"),
        ("preset=digit-mlp", "It was left out. Did you mean 'digits-mlp'?"),
        ("lr=-1", "a number from 1e-05 to 100"),
        ("lr=nan", "a number from 1e-05 to 100"),
        ("lr=1e400", "a number from 1e-05 to 100"),
        ("batch_size=1000000000", "a whole number from 1 to 10000"),
        ("batch_size=ten", "a whole number from 1 to 10000"),
        ("period=0", "a whole number from 1 to 10000"),
        ("seed=-1", "a whole number from 0 to 2147483647"),
        ("partition=../../etc", "a level's name"),
        ("partition=" + "a" * 1000, "a level's name"),
        ("partition=tensors", "Did you mean 'tensor'?"),
        ("partition=neuron9", "a level's name"),
        ("theme=mauve", "one of light, dark"),
        ("lock=perhaps", "true or false"),
        ("pace=99", "a number from 0 to 30"),
    ],
)
def test_a_link_out_of_bounds_gives_a_message_and_the_default(query, said):
    choices, remarks = from_query(query)
    assert len(remarks) == 1
    assert said in remarks[0]
    name = query.partition("=")[0]
    assert name in remarks[0]
    assert getattr(choices, name) == getattr(from_query("")[0], name)


def test_what_the_problem_refused_is_put_back_to_the_presets_own():
    choices, remarks = from_query("preset=moons&batch_size=9999&partition=chunk:99")
    assert not remarks
    assert choices.put_back("batch_size must be at most 400; got 9999.") == {"batch_size": 400}
    assert choices.put_back("level 'chunk:99' needs k from 1 to 4.") == {"partition": "tensor"}
    assert choices.put_back("level 'tensor' has no data.") == {}
    assert choices.put_back("the data of batch_size are not there.") == {}
    assert choices.settings() == from_query("preset=moons")[0].settings()


def test_a_link_with_names_the_lab_does_not_know_is_a_link_all_the_same():
    choices, remarks = from_query("?utm_source=x&preset=moons&preset=circles&__class__=1")
    assert not remarks
    assert choices.preset == "circles"


def test_every_parameter_is_documented_and_every_number_bounded():
    for name in (*state.RUN, *state.VIEW):
        parameter = Choices.param[name]
        assert parameter.doc, name
        if isinstance(parameter.default, (int, float)) and not isinstance(parameter.default, bool):
            assert None not in parameter.bounds, name


def test_adopting_a_runs_settings_keeps_what_is_out_of_bounds_away():
    choices = Choices()
    choices.adopt(runs.Settings(lr=1e5, seed=4))
    assert choices.seed == 4
    assert choices.lr == 0.1


def test_choices_that_do_not_fit_are_refused_by_the_run():
    choices = Choices()
    assert choices.choose("partition", "nonsense") == ""
    with pytest.raises(InputError, match="unknown level"):
        choices.settings()
