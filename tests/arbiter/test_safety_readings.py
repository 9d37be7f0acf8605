"""What is believed of encoders and IMU: each rule at its limit, and what stands in."""

import numpy as np
import pytest

from arbiter.safety.inertial import Inertial
from arbiter.safety.joints import Joints
from tests.safety_rig import DT, small_model

MODEL = small_model()
N = MODEL.n
HIP, KNEE, ARM, ELBOW = range(N)
NAN = float("nan")
CENTRE = np.array((0.1, 1.0, 0.2, 0.1))


class Encoders:
    """Joints that swing by `size` [rad] at `rate` [rad/s] around the middle of their ranges, read once a tick."""

    def __init__(self, size=0.1, rate=5.0, warm=30):
        self.joints = Joints(MODEL, np.zeros((2, N)))
        self.size, self.rate, self.t = size, rate, 0.0
        self.still = None
        for _ in range(warm):
            self.read()
        assert not self.joints.why

    def truth(self):
        """Positions and velocities at this moment [rad, rad/s], shape (n,)."""
        phase = self.rate * (self.t if self.still is None else self.still) + np.arange(N)
        moves = 0.0 if self.still is not None else 1.0
        return CENTRE + self.size * np.sin(phase), moves * self.size * self.rate * np.cos(phase)

    def read(self, q=None, dq=None, age=None, dt=DT, strict=True):
        """The next reading; `q`, `dq`, `age`: what single joints read instead, by index."""
        self.t += dt
        self.joints.reading.raw[:2] = self.truth()
        self.joints.reading.raw[2] = 0.0
        for row, changes in enumerate((q, dq, age)):
            for i, value in (changes or {}).items():
                self.joints.reading.raw[row, i] = value
        self.joints.take(self.t, strict)
        return self.joints

    def stop(self):
        """They stand still from now on, but for the last bits."""
        self.still = self.t
        for k in range(20):
            self.read(dq={i: 1e-9 * k for i in range(N)}, q={})
        return self

    def quiet(self, q=None, dq=None, **more):
        """A reading of joints that stand still, but for the last bits."""
        noise = 1e-9 * np.sin(1e5 * self.t + np.arange(N))
        return self.read(dict(enumerate(self.truth()[0] + noise)) | (q or {}), dict(enumerate(noise)) | (dq or {}), **more)


def at_rest():
    return Encoders(warm=30).stop()


# -- encoders -------------------------------------------------------------------------------------------------------


def test_good_readings_are_believed_to_the_last_bit():
    enc = Encoders()
    for dt in (DT, 0.8 * DT, 1.2 * DT, 1.49 * DT, DT):
        joints = enc.read(dt=dt)
        assert (
            np.array_equal(joints.believed.block, joints.reading.raw[:2])
            and (joints.believed.seen == enc.t).all()
            and not joints.why
        )
        assert joints._was_plain, "the cheap way"


def test_each_joint_is_dated_by_its_own_age():
    enc = Encoders()
    joints = enc.read(age={KNEE: 0.006})
    assert joints.believed.seen[:, KNEE] == pytest.approx((enc.t - 0.006,) * 2) and (joints.believed.seen[:, HIP] == enc.t).all()
    joints = enc.read(age={ARM: 0.5})  # older than what is known: the driver's word counts, the values do not
    assert (
        joints.believed.seen[:, ARM] == pytest.approx((enc.t - 0.5,) * 2) and joints.believed.q[ARM] != joints.reading.raw[0, ARM]
    )
    joints = enc.read()
    assert joints.believed.q[ARM] == joints.reading.raw[0, ARM] and joints.believed.seen[0, ARM] == enc.t and not joints.why
    joints = enc.read(age={KNEE: 0.006}, q={HIP: NAN})
    assert joints.believed.seen[:, KNEE] == pytest.approx((enc.t - 0.006,) * 2), "also where another one is in doubt"


@pytest.mark.parametrize(("age", "told"), [(-0.019, False), (-0.021, True), (NAN, True)])
def test_an_age_out_of_the_future_dates_nothing(age, told):
    enc = Encoders()
    was = enc.t
    joints = enc.read(age={HIP: age})
    assert (HIP in joints.why) is told and joints.believed.seen[0, KNEE] == enc.t
    assert joints.believed.seen[0, HIP] == pytest.approx(was if told else enc.t - age)
    assert not told or joints.why[HIP] == f"reads age {age:g}"


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("jump", "told"), [(0.19, False), (0.21, True)])
def test_a_joint_cannot_jump(sign, jump, told):
    enc = at_rest()
    was = enc.joints.believed.q[KNEE]
    joints = enc.quiet(q={KNEE: was + sign * jump})
    assert (KNEE in joints.why) is told
    assert joints.believed.q[KNEE] == pytest.approx(was if told else was + sign * jump, abs=1e-6)
    assert joints.believed.seen[1, KNEE] == enc.t and (joints.believed.seen[0, KNEE] == enc.t) is not told
    if told:
        assert joints.why[KNEE] == f"reads position {was + sign * jump:.2f}, {sign * jump:+.2f} rad off where it can be"
    joints = enc.quiet()
    assert (joints.believed.seen[:, KNEE] == enc.t).all() or not told


def test_readings_far_apart_may_differ_more():
    for dt, jump, told in ((0.05, 0.38, False), (0.05, 0.42, True), (0.1, 0.88, False), (0.1, 0.93, True)):
        enc = at_rest()
        joints = enc.quiet(q={KNEE: enc.joints.believed.q[KNEE] + jump}, dt=dt)
        assert (KNEE in joints.why) is told, (dt, jump)


def test_what_lies_between_readings_far_apart_is_no_slow_error():
    enc = at_rest()
    was = enc.joints.believed.q[KNEE]
    assert not enc.quiet(q={KNEE: was + 0.15}, dt=0.1).why
    assert not enc.quiet(q={KNEE: was + 0.25}).why


@pytest.mark.parametrize(("joint", "q", "told"), [(HIP, 1.49, False), (HIP, 1.51, True), (HIP, -1.49, False), (HIP, -1.51, True)])
def test_what_is_far_out_of_range_is_no_posture(joint, q, told):
    enc = Encoders()
    joints = enc.read(q={joint: q}, dt=10.0)
    assert (joint in joints.why) is told
    assert not told or joints.why[joint] == f"reads position {q:g}; -1.5 to 1.5 is possible"


def test_no_joint_is_faster_than_twice_its_motor():
    for dq, told in ((39.0, False), (41.0, True), (-39.0, False), (-41.0, True)):
        enc = Encoders()
        joints = enc.read(dq={ARM: dq}, strict=False)
        assert (ARM in joints.why) is told
        assert not told or joints.why[ARM] == f"reads velocity {dq:g}; -40 to 40 is possible"


def test_a_position_that_is_missing_is_carried_on_by_the_velocity():
    enc = Encoders()
    for k in range(25):
        was_q, was_dq = enc.joints.believed.block[:, KNEE].copy()
        joints = enc.read(q={KNEE: NAN})
        assert joints.believed.q[KNEE] == pytest.approx(was_q + 0.5 * DT * (was_dq + joints.reading.raw[1, KNEE]))
        assert joints.believed.dq[KNEE] == joints.reading.raw[1, KNEE] and joints.believed.seen[1, KNEE] == enc.t
        assert joints.believed.seen[0, KNEE] == pytest.approx(enc.t - (k + 1) * DT)
        assert joints.believed.q[HIP] == joints.reading.raw[0, HIP] and joints.believed.seen[0, HIP] == enc.t
    assert joints.believed.q[KNEE] == pytest.approx(enc.truth()[0][KNEE], abs=0.02)
    assert joints.why == {KNEE: "reads position nan; -0.5 to 2.5 is possible"}
    joints = enc.read()
    assert not joints.why and joints.believed.q[KNEE] == joints.reading.raw[0, KNEE]


def test_a_carried_position_stays_where_a_joint_can_be():
    enc = Encoders()
    for _ in range(60):
        enc.read(q={HIP: NAN}, dq={HIP: 4.0})
    assert enc.joints.believed.q[HIP] == pytest.approx(1.5)
    for _ in range(60):
        enc.read(q={HIP: NAN}, dq={HIP: -4.0})
    assert enc.joints.believed.q[HIP] == pytest.approx(-1.5)


def test_a_position_becomes_uncertain_while_it_is_carried_on():
    for ticks, off, told in ((0, 0.25, True), (100, 0.25, False), (100, 0.45, True)):
        enc = at_rest()
        for _ in range(ticks):
            enc.quiet(q={KNEE: NAN})
        joints = enc.quiet(q={KNEE: enc.joints.believed.q[KNEE] + off})
        assert (KNEE in joints.why) is told, (ticks, off)


@pytest.mark.parametrize("bad", [NAN, 900.0, -np.inf])
def test_a_velocity_that_is_missing_is_how_fast_the_position_changes(bad):
    enc = Encoders()
    for k in range(20):
        was = enc.joints.believed.q[KNEE]
        joints = enc.read(dq={KNEE: bad})
        assert joints.believed.q[KNEE] == joints.reading.raw[0, KNEE] and joints.believed.seen[0, KNEE] == enc.t
        assert joints.believed.dq[KNEE] == pytest.approx((joints.believed.q[KNEE] - was) / DT)
        assert joints.believed.seen[1, KNEE] == pytest.approx(enc.t - (k + 1) * DT)
    joints = enc.read()
    assert not joints.why and joints.believed.dq[KNEE] == joints.reading.raw[1, KNEE]


def test_without_a_velocity_a_position_may_miss_by_more():
    for jump, told in ((0.38, False), (0.42, True)):
        enc = at_rest()
        was = enc.joints.believed.q[KNEE]
        joints = enc.quiet(q={KNEE: was + jump}, dq={KNEE: NAN})
        assert joints.believed.q[KNEE] == pytest.approx(was if told else was + jump, abs=1e-6)
        assert (joints.believed.seen[0, KNEE] == enc.t) is not told and joints.believed.dq[KNEE] <= 40.0


def test_with_neither_the_last_good_values_stand_in():
    enc = Encoders()
    was, then = enc.joints.believed.block[:, KNEE].copy(), enc.t
    for _ in range(5):
        joints = enc.read(q={KNEE: NAN}, dq={KNEE: NAN})
        assert np.array_equal(joints.believed.block[:, KNEE], was) and (joints.believed.seen[:, KNEE] == then).all()
    joints.hold(np.array([KNEE]))
    assert joints.believed.dq[KNEE] == 0.0 and joints.believed.q[KNEE] == was[0]
    assert enc.read().believed.q[KNEE] == enc.truth()[0][KNEE] and not enc.joints.why


@pytest.mark.parametrize("slip", [0.3, -0.6, 2 * np.pi])
def test_an_encoder_that_slips_is_found_and_taken_off(slip):
    enc = Encoders()
    for k in range(10):
        joints = enc.read(q={KNEE: enc_next(enc)[KNEE] + slip})
        assert joints.believed.q[KNEE] == pytest.approx(enc.truth()[0][KNEE], abs=0.01)
        assert joints.slips.angle[KNEE] == pytest.approx(0.0 if k < 3 else slip, abs=0.01) and KNEE in joints.why
    assert joints.why[KNEE] == f"has slipped by {joints.slips.angle[KNEE]:+.2f} rad"
    assert (joints.believed.seen[:, KNEE] == enc.t).all() and not joints.slips.angle[[HIP, ARM, ELBOW]].any()
    for _ in range(4):
        joints = enc.read()
    assert joints.slips.angle[KNEE] == 0.0
    assert not enc.read().why and joints.believed.q[KNEE] == joints.reading.raw[0, KNEE]


def enc_next(enc):
    """Where joints will be at the next reading [rad]."""
    return CENTRE + enc.size * np.sin(enc.rate * (enc.t + DT) + np.arange(N))


def test_rubbish_is_no_slip():
    enc = Encoders()
    for k in range(12):
        joints = enc.read(q={KNEE: 1.5 if k % 2 else 0.4})
    assert joints.slips.angle[KNEE] == 0.0 and abs(joints.believed.q[KNEE] - enc.truth()[0][KNEE]) < 0.02


@pytest.mark.parametrize(("joint", "velocity_too"), [(KNEE, True), (KNEE, False), (ARM, True)])
def test_the_wrong_sign_is_told_from_a_slip(joint, velocity_too):
    enc = Encoders(size=0.3, warm=45)
    for _ in range(60):
        q, dq = enc_next(enc)[joint], enc.size * enc.rate * np.cos(enc.rate * (enc.t + DT) + joint)
        joints = enc.read(q={joint: -q}, dq={joint: -dq} if velocity_too else {})
        assert joints.believed.q[joint] == pytest.approx(q, abs=0.03) and joints.slips.angle[joint] == 0.0 and joint in joints.why
        assert joints.believed.seen[0, joint] < enc.t - 0.5 * DT
    assert not enc.read().why and enc.joints.believed.q[joint] == enc.truth()[0][joint]


def swinging(joint, where, size=0.6, rate=10.0):
    """Encoders of fast joints; at the next reading `where` holds of the joint's position and velocity."""
    enc = Encoders(size, rate)
    while not where(*ahead_of(enc, joint)):
        enc.read()
    return enc


def ahead_of(enc, joint):
    """Position and velocity of a joint at the next reading [rad, rad/s]."""
    return enc_next(enc)[joint], enc.size * enc.rate * np.cos(enc.rate * (enc.t + DT) + joint)


@pytest.mark.parametrize("up", [1.0, -1.0])
@pytest.mark.parametrize(("sign", "size", "rate"), [(1.0, 0.6, 10.0), (-1.0, 0.6, 10.0), (1.0, 0.3, 5.0)])
def test_what_is_mirrored_means_its_negative_at_once(sign, up, size, rate):
    """Whichever sign its velocity has from then on; and no longer than it does."""
    enc = swinging(ARM, lambda q, dq: q * sign > 0.2 and dq * up > 0.5 * size * rate, size, rate)
    for k in range(3):
        q, dq = ahead_of(enc, ARM)
        joints = enc.read(q={ARM: -q}, dq={ARM: dq if k == 1 else -dq})
        assert joints.believed.mirrored[ARM] and joints.believed.block[:, ARM] == pytest.approx((q, dq), abs=1e-12)
    q, dq = ahead_of(enc, ARM)
    joints = enc.read(q={ARM: -q - 0.5 * np.sign(q)}, dq={ARM: -dq})
    assert not joints.believed.mirrored[ARM] and abs(joints.believed.q[ARM] - q) < 0.15


def test_a_mirrored_joint_near_zero_may_read_either_sign():
    enc = swinging(ARM, lambda q, dq: q > 0.2 and dq < -3.0)
    while abs(ahead_of(enc, ARM)[0]) > 0.07:
        q, dq = ahead_of(enc, ARM)
        enc.read(q={ARM: -q}, dq={ARM: -dq})
    q, dq = ahead_of(enc, ARM)
    assert enc.read(q={ARM: np.copysign(0.05, q)}, dq={ARM: -dq}).believed.mirrored[ARM]
    while ahead_of(enc, ARM)[0] > -0.15:
        q, dq = ahead_of(enc, ARM)
        enc.read(q={ARM: -q}, dq={ARM: -dq})
    assert (
        enc.read(q={ARM: -ahead_of(enc, ARM)[0]}, dq={ARM: 0.0}).believed.mirrored[ARM] and not enc.read().believed.mirrored[ARM]
    )


@pytest.mark.parametrize(
    ("where", "off", "back", "mirrored"),
    [
        (0.3, 0.08, -1.0, True),
        (0.3, -0.08, -1.0, True),
        (0.3, 0.12, -1.0, False),
        (0.3, -0.12, -1.0, False),
        (0.3, 0.0, 1.0, False),  # the velocity is as expected
        (0.3, 0.0, 0.002, False),
        (0.07, -0.09, -1.0, False),  # too close to zero to tell
    ],
)
def test_what_counts_as_mirrored(where, off, back, mirrored):
    enc = Encoders(size=0.6, rate=10.0)
    enc.joints.believed.q[ARM], enc.joints.believed.dq[ARM] = where - 5.0 * DT, 5.0  # as it was believed
    assert bool(enc.read(q={ARM: -where + off}, dq={ARM: 5.0 * back}).believed.mirrored[ARM]) is mirrored
    for was_q, was_dq in ((0.04 - 5.0 * DT, 5.0), (0.0, 0.0)):
        enc = Encoders(size=0.6, rate=10.0)
        enc.joints.believed.q[ARM], enc.joints.believed.dq[ARM], enc.joints.believed.mirrored[ARM], enc.joints._doubt = (
            was_q,
            was_dq,
            True,
            True,
        )
        assert not enc.read(q={ARM: 0.15}, dq={ARM: 5.0}).believed.mirrored[ARM], "off, but on the right side"
    still = at_rest()
    assert not still.quiet(q={ARM: -still.joints.believed.q[ARM] - 0.2}, dq={ARM: -1e-3}).believed.mirrored[ARM], (
        "at rest no sign is shown"
    )


def test_of_a_fast_joint_it_is_found_what_jumped():
    """By how far each is from going on as before."""
    for jump in (-22.0, -24.0):
        enc = swinging(KNEE, lambda q, dq: dq > 11.9, rate=20.0)
        q, dq = ahead_of(enc, KNEE)
        joints = enc.read(dq={KNEE: enc.joints.believed.dq[KNEE] + jump})
        assert joints.why[KNEE].startswith("reads velocity") and joints.believed.q[KNEE] == joints.reading.raw[0, KNEE]
    enc = swinging(KNEE, lambda q, dq: dq > 11.9, rate=20.0)
    joints = enc.read(q={KNEE: ahead_of(enc, KNEE)[0] - 0.45}, dq={KNEE: ahead_of(enc, KNEE)[1] + 2.0})
    assert joints.why[KNEE].startswith("reads position") and joints.believed.dq[KNEE] == joints.reading.raw[1, KNEE]


def test_of_a_fast_joint_the_position_alone_will_do():
    enc = Encoders(size=0.6, rate=20.0)
    while enc.truth()[1][KNEE] < 11.5:
        enc.read()
    joints = enc.read(dq={KNEE: NAN})
    assert joints.believed.q[KNEE] == joints.reading.raw[0, KNEE] and joints.believed.seen[0, KNEE] == enc.t


@pytest.mark.parametrize("changes", [True, False])
def test_a_position_that_stands_still_while_its_velocity_tells_of_motion(changes):
    """Of the two, the one that changes is believed; of two that stand still, neither."""
    enc = at_rest()
    was = enc.joints.believed.q[KNEE]
    for k in range(20):
        joints = enc.quiet(q={KNEE: was}, dq={KNEE: 1.5 + 1e-6 * k * changes})
    assert (
        joints.why[KNEE].startswith("reads a position that changes by other than its velocity")
        and not joints.repeats.frozen.any()
    )
    assert joints.believed.seen[0, KNEE] < enc.t - 5 * DT and bool(joints.believed.seen[1, KNEE] == enc.t) is changes
    assert bool(joints.believed.q[KNEE] > was + 0.15) is changes


def test_a_velocity_that_jumps_is_not_believed():
    enc = at_rest()
    joints = enc.quiet(dq={KNEE: 30.0})
    assert joints.why[KNEE].startswith("reads velocity 30.00 rad/s, but the position changes by ")
    assert (
        abs(joints.believed.dq[KNEE]) < 1e-5 and joints.believed.seen[0, KNEE] == enc.t and joints.believed.seen[1, KNEE] < enc.t
    )
    assert not enc.quiet().why


def test_position_and_velocity_that_part_slowly_are_found():
    """A velocity that is told 1.5 rad/s too high: 0.03 rad a tick."""
    enc = at_rest()
    found = [KNEE in enc.quiet(dq={KNEE: 1.5}).why for _ in range(30)]
    assert not any(found[:6]) and all(found[14:])
    joints = enc.joints
    assert joints.why[KNEE] == "reads a position that changes by other than its velocity, 1.50 rad/s"
    assert (
        joints.believed.seen[0, KNEE] == enc.t
        and joints.believed.seen[1, KNEE] < enc.t - 5 * DT
        and abs(joints.believed.dq[KNEE]) < 1e-5
    )
    healing = [KNEE in enc.quiet().why for _ in range(30)]
    assert healing[3] and not any(healing[15:])


def test_a_slow_error_within_the_limit_is_none():
    enc = at_rest()
    assert not any(enc.quiet(dq={KNEE: 0.9}).why for _ in range(100))


def frozen(command=0.3, kp=20.0, joints=(KNEE,), ticks=8, at=None):
    """Encoders of which some repeat themselves while their commands move on; since when they count as frozen."""
    enc = at_rest()
    enc.joints.repeats.command[0], enc.joints.repeats.command[1] = enc.joints.believed.q, kp
    if at is not None:
        enc.quiet(q={KNEE: at}, strict=False)
        enc.joints.repeats.command[0] = enc.joints.believed.q
    enc.quiet(q={} if at is None else {KNEE: at})
    held = {i: enc.joints.reading.raw[:2, i].copy() for i in joints}
    found = []
    for k in range(ticks):
        enc.quiet(
            q={i: value[0] for i, value in held.items()} | ({KNEE: at} if at is not None else {}),
            dq={i: value[1] for i, value in held.items()},
        )
        found.append(enc.joints.repeats.frozen.copy())
        enc.joints.repeats.command[0, KNEE] += command * (k == 0)
    return enc, np.array(found)


def test_a_joint_that_repeats_itself_while_it_is_told_to_move_is_frozen():
    enc, found = frozen()
    assert found[:, KNEE].tolist() == [False] * 3 + [True] * 5 and not found[:, [HIP, ARM, ELBOW]].any()
    assert "again and again" in enc.joints.why[KNEE] and (enc.joints.believed.seen[:, KNEE] <= enc.t - 0.08 + 1e-9).all()
    for _ in range(3):
        joints = enc.quiet()
    assert not joints.repeats.frozen.any() and not joints.why and (joints.believed.seen[:, KNEE] == enc.t).all()


def test_a_joint_that_is_found_frozen_is_as_old_as_what_it_repeats():
    enc, found = frozen(ticks=4)
    assert found[:, KNEE].tolist() == [False] * 3 + [True] and enc.joints.believed.seen[:, KNEE] == pytest.approx(
        (enc.t - 0.08,) * 2
    )


def test_of_joints_that_must_have_moved_those_are_frozen_that_repeat_themselves():
    enc = at_rest()
    enc.quiet()
    held = enc.joints.reading.raw[:2, KNEE].copy()
    for k in range(1, 6):
        joints = enc.quiet(q={KNEE: held[0]}, dq={KNEE: held[1]})
        joints.repeats.freeze(np.arange(N) != ARM)
        assert joints.repeats.frozen.tolist() == [False, k >= 4, False, False]
    joints.repeats.freeze(np.arange(N) == ARM)
    assert joints.repeats.frozen.tolist() == [False, True, False, False]


@pytest.mark.parametrize("more", [{"command": 0.09}, {"command": -0.09}, {"kp": 5.0}, {"at": 0.01}, {"at": 1.99}, {"joints": ()}])
def test_a_joint_at_rest_may_repeat_itself(more):
    _, found = frozen(**more)
    assert not found.any()


def test_where_two_are_frozen_all_that_repeat_themselves_are():
    enc = at_rest()
    enc.joints.repeats.command[0], enc.joints.repeats.command[1] = enc.joints.believed.q, 20.0
    enc.quiet()
    held = enc.joints.reading.raw[:2].copy()
    enc.joints.repeats.command[0, :2] += 0.3
    for _ in range(6):
        joints = enc.quiet(q={i: held[0, i] for i in (0, 1, 2)}, dq={i: held[1, i] for i in (0, 1, 2)})
    assert joints.repeats.frozen.tolist() == [False] * 4  # the command was moved before they began
    joints.repeats.command[0, :2] += 0.3
    joints = enc.quiet(q={i: held[0, i] for i in (0, 1, 2)}, dq={i: held[1, i] for i in (0, 1, 2)})
    assert joints.repeats.frozen.tolist() == [True, True, True, False]


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_never_told_a_velocity_is_judged_by_its_speed_alone(forgotten):
    for jump, told in ((0.79, False), (0.81, True), (-0.79, False), (-0.81, True)):
        enc = Encoders(warm=0)
        enc.still = 0.0
        for _ in range(30):
            enc.read()
        assert not enc.joints.repeats.frozen.any()
        if forgotten:
            enc.joints.forget()
            enc.read()
        joints = enc.read(q={KNEE: enc.joints.believed.q[KNEE] + jump})
        assert (KNEE in joints.why) is told, jump


def test_a_velocity_counts_once_it_has_changed_often_enough():
    for warm, told in ((8, False), (9, True)):
        enc = Encoders(warm=0)
        for _ in range(warm):
            enc.read()
        assert (KNEE in enc.read(q={KNEE: enc_next(enc)[KNEE] + 0.4}).why) is told


def test_motors_that_do_not_drive_let_a_joint_go_anywhere():
    enc = Encoders()
    joints = enc.read(q={KNEE: 0.1, HIP: 9.0}, strict=False)
    assert joints.believed.q[KNEE] == 0.1 and list(joints.why) == [HIP]


def test_forgetting_takes_the_next_reading_as_it_comes():
    enc = Encoders()
    for _ in range(6):
        enc.read(q={KNEE: enc_next(enc)[KNEE] + 0.4})
    enc.joints.forget()
    joints = enc.read(q={KNEE: 0.2})
    assert joints.believed.q[KNEE] == 0.2 and not joints.why and not joints.slips.angle.any()


def test_news_is_any_bit():
    enc = Encoders()
    enc.joints.reading.raw[0, KNEE] = enc.joints.reading.raw[0, KNEE]
    assert not enc.joints.news()
    enc.joints.reading.raw[1, ELBOW] += 1e-12
    assert enc.joints.news()


# -- IMU ------------------------------------------------------------------------------------------------------------


class Turning:
    """A base that sways about a fixed axis, by `size` [rad] around `centre` [rad], or spins at `speed` [rad/s]."""

    def __init__(self, size=0.1, rate=4.0, warm=30, axis=(2.0, -1.0, 2.0), centre=0.2, speed=0.0):
        self.imu, self.size, self.rate, self.t = Inertial(DT), size, rate, 0.0
        self.axis, self.centre, self.speed = np.array(axis) / np.linalg.norm(axis), centre, speed
        for _ in range(warm):
            self.read()
        assert not self.imu.why

    def truth(self, t=None):
        """Orientation and angular velocity."""
        t = self.t if t is None else t
        angle = self.centre + self.speed * t + self.size * np.sin(self.rate * t)
        quat = np.array((np.cos(angle / 2), *(np.sin(angle / 2) * self.axis)))
        return quat, (self.speed + self.size * self.rate * np.cos(self.rate * t)) * self.axis

    def read(self, quat=None, rate=None, dt=DT, strict=True, age=0.0):
        self.t += dt
        true_quat, true_rate = self.truth()
        quat, rate = true_quat if quat is None else quat, true_rate if rate is None else rate
        self.imu.take(np.asarray(quat, float).tolist(), np.asarray(rate, float).tolist(), self.t - age, strict)
        return self.imu

    def off(self):
        """How far the believed orientation is from the true one [rad]."""
        return 2.0 * np.arccos(min(1.0, abs(float(np.dot(self.imu.quat, self.truth()[0])))))


def turned(quat, axis, angle):
    """`quat` turned by `angle` [rad] about the body's axis 0, 1 or 2."""
    w, x, y, z = quat
    s, c = np.sin(angle / 2), np.cos(angle / 2)
    e = np.eye(3)[axis] * s
    return np.array((w * c - np.dot((x, y, z), e), *(w * e + c * np.array((x, y, z)) + np.cross((x, y, z), e))))


def test_a_good_imu_is_believed():
    base = Turning()
    for dt in (DT, 0.8 * DT, 1.45 * DT, DT):
        imu = base.read(dt=dt)
        quat, rate = base.truth()
        assert imu.quat == tuple(quat) and imu.rate == tuple(rate) and imu.seen == [base.t] * 2 and not imu.why and imu.fresh
    assert base.read(quat=-base.truth(base.t + DT)[0]).why == ""  # the same orientation


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_base_may_point_anywhere_and_an_orientation_has_two_names(axis, sign):
    base = Turning(size=0.4)
    for k in range(60):
        quat = sign**k * turned(base.truth(base.t + DT)[0], axis, 2.6)
        imu = base.read(quat, turn_back(base, axis, 2.6), strict=k > 3)
        assert not imu.why


def turn_back(base, axis, angle):
    """The next angular velocity of a base whose IMU is mounted turned by `angle` [rad] about its axis."""
    rate = base.truth(base.t + DT)[1]
    c, s = np.cos(-angle), np.sin(-angle)
    e = np.eye(3)[axis]
    return c * rate + s * np.cross(e, rate) + (1.0 - c) * np.dot(e, rate) * e


def test_an_orientation_becomes_uncertain_while_it_is_turned_on():
    for ticks, off, told in ((0, 0.2, True), (100, 0.2, False), (100, 0.3, True)):
        base = Turning(size=1e-4)
        for _ in range(ticks):
            base.read(quat=(NAN,) * 4)
        imu = base.read(quat=turned(base.truth(base.t + DT)[0], 0, off))
        assert bool(imu.why) is told, (ticks, off)


def test_an_old_reading_of_the_imu_is_no_new_one():
    base = Turning()
    was, then = base.imu.quat, base.t
    imu = base.read(age=DT)
    assert imu.quat == was and imu.seen == [pytest.approx(then)] * 2 and not imu.fresh
    imu = base.read(age=0.5)
    assert imu.seen == [pytest.approx(base.t - 0.5)] * 2


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_orientation_cannot_jump(axis, sign):
    for jump, told in ((0.1, False), (0.16, True)):
        base = Turning(size=1e-4)
        imu = base.read(quat=turned(base.truth(base.t + DT)[0], axis, sign * jump))
        assert bool(imu.why) is told and (imu.seen[0] == base.t) is not told and imu.seen[1] == base.t and imu.fresh
        assert base.off() == pytest.approx(0.0 if told else jump, abs=1e-3)
    assert "rad off where the angular velocity leads" in imu.why
    assert not base.read().why


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize(("rate", "told"), [(34.0, True), (36.0, True), (-36.0, True), (5.0, False), (-5.0, False)])
def test_an_angular_velocity_has_to_be_seen_in_the_orientation(axis, rate, told):
    base = Turning(size=1e-4)
    imu = base.read(rate=rate * np.eye(3)[axis])
    assert bool(imu.why) is told
    if told:
        assert imu.seen[0] == base.t and imu.seen[1] == pytest.approx(base.t - DT) and np.abs(imu.rate).max() < 0.01
        assert imu.why == (
            f"the angular velocity is {rate:.2f} rad/s, but the orientation does not turn so"
            if abs(rate) < 35
            else f"the angular velocity is {rate:g} rad/s"
        )
    assert not base.read().why


def test_an_orientation_that_is_missing_is_turned_on():
    for bad in ((NAN,) * 4, (0.0,) * 4, (2.0, 0.0, 0.0, 0.0)):
        base = Turning()
        for k in range(50):
            imu = base.read(quat=bad)
            assert imu.seen == [pytest.approx(base.t - (k + 1) * DT), base.t] and imu.rate == tuple(base.truth()[1])
            assert "1 is expected" in imu.why and base.off() < 0.01
        assert np.dot(imu.quat, imu.quat) == pytest.approx(1.0)
        assert not base.read().why


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("rate", [10.0, -10.0])
def test_an_orientation_is_turned_on_about_each_axis(axis, rate):
    start, imu = np.array((0.5, -0.1, 0.7, 0.5)), Inertial(DT)
    for k in range(14):
        quat = turned(start, axis, k * rate * DT) if k < 13 else np.full(4, NAN)
        imu.take(quat.tolist(), (rate * np.eye(3)[axis] + 1e-9 * k).tolist(), k * DT)
    assert imu.quat == pytest.approx(tuple(turned(start, axis, 13 * rate * DT)), abs=2e-3) and not np.isnan(imu.quat).any()


def test_an_angular_velocity_that_is_missing_is_how_fast_it_turns():
    base = Turning()
    for k in range(50):
        imu = base.read(rate=(0.0, NAN, 0.0))
        assert imu.seen == [base.t, pytest.approx(base.t - (k + 1) * DT)] and imu.quat == tuple(base.truth()[0])
        assert imu.rate == pytest.approx(tuple(base.truth(base.t - 2 * DT)[1]), abs=0.03)
        assert imu.why == "the angular velocity is nan rad/s"
    assert not base.read().why


def test_without_an_angular_velocity_an_orientation_may_miss_by_more():
    for jump, told in ((0.28, False), (0.32, True)):
        base = Turning(size=1e-4)
        imu = base.read(quat=turned(base.truth(base.t + DT)[0], 1, jump), rate=(NAN,) * 3)
        assert (imu.seen[0] == base.t) is not told and base.off() == pytest.approx(0.0 if told else jump, abs=1e-3)
        assert np.abs(imu.rate).max() <= 35.0


def test_with_neither_the_imu_counts_as_still_after_a_while():
    base = Turning()
    was, rate, then = base.imu.quat, base.imu.rate, base.t
    for k in range(6):
        imu = base.read(quat=(NAN,) * 4, rate=(NAN,) * 3)
        assert imu.quat == was and imu.seen == [then] * 2
        assert k in (2, 3) or imu.rate == (rate if k < 2 else (0.0, 0.0, 0.0))
    imu = base.read(quat=(NAN,) * 4)  # after that long it cannot be turned on from where it was
    assert imu.quat == was
    assert not base.read().why


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_orientation_and_angular_velocity_that_part_slowly_are_found(axis, sign):
    base = Turning()
    found = [bool(base.read(rate=base.truth(base.t + DT)[1] + sign * np.eye(3)[axis]).why) for _ in range(20)]
    assert not any(found[:4]) and all(found[10:])
    assert base.imu.why == "the orientation does not turn as the angular velocity says"
    assert base.imu.seen[0] == base.t and base.imu.seen[1] < base.t - 5 * DT and base.off() < 1e-6
    assert base.imu.rate == pytest.approx(tuple(base.truth(base.t - 2 * DT)[1]), abs=0.06)
    healing = [bool(base.read().why) for _ in range(20)]
    assert all(healing[:9]) and not any(healing[16:]), "not before there is little left of it"


def test_a_slow_error_of_the_imu_within_the_limit_is_none():
    base = Turning()
    assert not any(base.read(rate=base.truth(base.t + DT)[1] + 0.5).why for _ in range(100))


def test_an_orientation_that_stands_still_while_it_turns_is_turned_on():
    base = Turning(size=0.4)
    held = base.truth()[0]
    for _ in range(12):
        imu = base.read(quat=held)
    assert imu.seen[1] == base.t and imu.seen[0] < base.t - 3 * DT and imu.why
    assert base.off() < 0.25 and np.dot(imu.quat, held) < 0.9995


def test_an_orientation_that_jumped_and_goes_on_from_there_is_believed_again():
    base = Turning()
    offs = []
    for _ in range(8):
        imu = base.read(quat=turned(base.truth(base.t + DT)[0], 0, 1.0))
        offs.append(base.off())
    assert max(offs[:5]) < 0.02 and offs[6] == pytest.approx(1.0, abs=0.05) and not imu.why


def test_orientations_that_jump_about_are_never_believed():
    base = Turning()
    for k in range(30):
        imu = base.read(quat=turned(base.truth(base.t + DT)[0], k % 3, 0.8 if k % 2 else -0.8))
        assert base.off() < 0.03 and imu.why


@pytest.mark.parametrize(("dt", "jump", "told"), [(0.05, 0.17, False), (0.05, 0.21, True), (0.2, 0.46, False), (0.2, 0.53, True)])
def test_imu_readings_far_apart_may_differ_more(dt, jump, told):
    base = Turning(size=1e-4)
    assert bool(base.read(quat=turned(base.truth(base.t + dt)[0], 2, jump), dt=dt).why) is told


def test_a_frozen_imu_is_no_imu_until_it_moves_again():
    base = Turning()
    quat, rate = base.truth()
    for k in range(5):
        imu = base.read(quat, rate)
        assert imu.repeats == k + 1
    base.imu.freeze()
    imu = base.read(quat, rate)
    assert imu.frozen and "again and again" in imu.why and imu.rate == tuple(rate)
    assert imu.seen == [pytest.approx(base.t - 0.08)] * 2
    for _ in range(4):
        imu = base.read(quat, rate)
    assert imu.rate == (0.0, 0.0, 0.0) and not imu.fresh
    for _ in range(2):
        imu = base.read()
    assert not imu.frozen and not imu.why and imu.repeats == 0


def test_a_frozen_imu_stays_one_when_the_motors_rest_and_after_a_reset():
    base = Turning()
    quat, rate = base.truth()
    for _ in range(5):
        base.read(quat, rate)
    base.imu.freeze()
    for k in range(6):
        imu = base.read(quat, rate, strict=False)
        if k == 2:
            imu.forget()
        assert imu.frozen and "again and again" in imu.why and max(imu.seen) < base.t - 3 * DT
    imu = base.read(strict=False)
    assert not imu.frozen and not imu.why and imu.seen == [base.t] * 2


def test_an_imu_that_repeats_itself_briefly_does_not_freeze():
    base = Turning()
    quat, rate = base.truth()
    for _ in range(3):
        base.read(quat, rate)
    base.imu.freeze()
    assert not base.imu.frozen


def test_an_imu_that_never_told_a_turn_judges_nothing():
    imu = Inertial(DT)
    for k in range(40):
        imu.take([1.0, 0.0, 0.0, 0.0] if k % 2 else [0.8, 0.6, 0.0, 0.0], [0.0, 0.0, 0.0], k * DT)
        assert not imu.why and imu.repeats == 0


def test_motors_that_do_not_drive_let_the_base_be_turned():
    base = Turning()
    assert not base.read(quat=turned(base.truth()[0], 1, 2.0), strict=False).why


def test_the_imu_forgets():
    base = Turning()
    base.imu.forget()
    imu = base.read(quat=turned(base.truth()[0], 1, 2.0))
    assert not imu.why and imu.seen == [base.t] * 2


def spinning(speed):
    """A base that spins about its axis 0 at `speed` [rad/s]."""
    return Turning(size=1e-6, axis=(1.0, 0.0, 0.0), speed=speed)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_of_a_base_that_spins_it_is_found_what_jumped(sign):
    """By how far each is from going on as before."""
    axis = sign * np.array((1.0, 0.0, 0.0))
    for rate in (-10.0, 26.0):
        base = spinning(10.0 * sign)
        imu = base.read(rate=rate * axis)
        assert imu.why.startswith(f"the angular velocity is {rate * sign:.2f} rad/s") and imu.quat == tuple(base.truth()[0])
        assert imu.rate == pytest.approx(tuple(10.0 * axis), abs=0.05)
    base = spinning(5.0 * sign)
    imu = base.read(quat=turned(base.truth(base.t + DT)[0], 0, -0.2 * sign), rate=6.0 * axis)
    assert imu.why.startswith("the orientation is ") and imu.rate == tuple(6.0 * axis)


def test_a_base_that_spins_is_believed_again_after_a_jump():
    base = spinning(6.0)
    for _ in range(8):
        imu = base.read(quat=turned(base.truth(base.t + DT)[0], 0, 1.0))
    assert not imu.why and base.off() == pytest.approx(1.0, abs=0.05)


def test_of_a_base_that_spins_the_orientation_alone_will_do():
    base = spinning(10.0)
    for _ in range(10):
        imu = base.read(rate=(NAN,) * 3)
        assert imu.quat == tuple(base.truth()[0]) and imu.seen[0] == base.t
    assert imu.rate == pytest.approx((10.0, 0.0, 0.0), abs=0.05)


@pytest.mark.parametrize("axis", [(1.0, 1.0, 1.0), (1.0, -1.0, 1.0)])
def test_what_has_parted_heals_wherever_the_base_points(axis):
    base = Turning(axis=axis, centre=2.0 * np.pi / 3.0)
    for _ in range(20):
        base.read(rate=base.truth(base.t + DT)[1] + np.array((1.0, 0.0, 0.0)))
    assert base.imu.why
    assert not [base.read().why for _ in range(20)][-1]


def test_a_base_may_lie_exactly_on_its_side_or_back():
    for quat in np.eye(4):
        base = Turning()
        for k in range(3):
            assert not base.read(quat=quat, rate=(0.0, 0.0, 1e-9 * k), strict=k > 0).why


@pytest.mark.parametrize("length", [0.9, 1.09])
def test_an_orientation_turns_the_same_whatever_its_length(length):
    base = spinning(15.0)
    for _ in range(10):
        assert not base.read(quat=length * base.truth(base.t + DT)[0]).why


def test_what_lies_between_readings_of_the_imu_far_apart_is_no_slow_error():
    for first, dt, told in ((0.1, 0.1, False), (0.1, DT, True)):
        base = Turning(size=1e-4)
        assert not base.read(quat=turned(base.truth(base.t + dt)[0], 0, first), dt=dt).why
        assert bool(base.read(quat=turned(base.truth(base.t + DT)[0], 0, first + 0.05)).why) is told


@pytest.mark.parametrize("quat", [(0.0,) * 4, (2.0, 0.0, 0.0, 0.0), (1e308,) * 4])
def test_what_is_no_orientation_stands_in_for_nothing(quat):
    base = Turning()
    was, then = base.imu.quat, base.t
    imu = base.read(quat, (NAN,) * 3)
    assert imu.quat == was and imu.seen == [then] * 2
    for _ in range(6):  # nor does it tell from where an orientation has jumped
        base.read(quat, (NAN,) * 3)
        imu = base.read(quat=turned(base.truth(base.t + DT)[0], 0, 1.0))
    assert base.off() < 0.2 and imu.why


def test_an_orientation_alone_is_not_taken_after_a_while():
    base = Turning()
    was, then = base.imu.quat, base.t
    imu = base.read(rate=(NAN,) * 3, dt=0.07)
    assert imu.quat == was and imu.seen == [then] * 2 and imu.rate == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("rubbish", [{"quat": [np.nan] * 4}, {"rate": [np.inf] * 3}, {"quat": [0.0] * 4}])
def test_rubbish_heals_no_imu_that_has_parted(rubbish):
    """What is not a number, between two readings that contradict each other, ends neither the doubt nor the looking for it."""
    base, wrong = Turning(), np.array((1.0, 0.0, 0.0))
    for _ in range(12):
        base.read(rate=base.truth(base.t + DT)[1] + wrong)
    assert base.imu.why
    base.read(**rubbish)
    for _ in range(10):
        assert base.read(rate=base.truth(base.t + DT)[1] + wrong).why.startswith("the orientation does not turn")
    for _ in range(20):
        base.read()
    assert not base.imu.why
    for _ in range(12):
        base.read(rate=base.truth(base.t + DT)[1] + wrong)
    assert base.imu.why, "found a second time, too"
