"""Plays the chunks of a slow model at the rate of the tick, without waiting for the model."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from arbiter.errors import ConfigError, MisfitError, PolicyError
from arbiter.robot import RobotModel
from arbiter.types import JointTarget, Request, RobotState, frozen
from policies.chunk.answer import chunk_fault
from policies.chunk.history import History
from policies.chunk.inference import InferenceRequest, InferenceResult, InferenceWorker
from policies.chunk.pace import Pace
from policies.chunk.pictures import picture_problem
from policies.chunk.plan import Plan
from policies.chunk.protocol import CameraFrame, ChunkBackend, ChunkObservation
from policies.chunk.timing import ChunkTiming
from policies.fallback.reflex import BalanceReflex

RETRY_S = 0.1  # [s] pause after a refused chunk before the next question
SPLICE_SPEED = 4.0  # [rad/s] a splice is stretched until its own motion stays below this
LONGEST_SPLICE = 0.6  # [s]
MOST_FIRST_REFUSALS = 3
CAMERA_START_S = 1.0  # [s] how long the first picture may take
STALE = 0.1  # [rad] a first chunk that was predicted for another posture is not begun with
START_SPEED = 1.5  # [rad/s] a first chunk that begins elsewhere is led up to at that speed, within LONGEST_SPLICE


class ChunkPolicy:
    """Plays chunks by time; requests the next one early enough; splices it; holds, then fails, if the model fails.

    Args:
        backend: Predicts the chunks.
        model: The robot. Raises ConfigError if it lacks one of the backend's joints.
        worker: Calls the backend beside the tick.
        name: Name in the run.
        camera: Gives the latest picture at once, or None: `LatestSlot.peek`, for example.
        reflex: Balances the legs around the chunk, for a backend that drives them.
        timing: See ChunkTiming.
        seed: Of the backend's sampling.
        close: What ends a backend that others share; None: its own `close`.

    Attributes:
        chunks: Chunks played since `reset`, the present one not counted.
        refused: Answers of the backend that were refused since `reset`.
        delay: What an inference usually takes [s], see `Pace`; nan before the first.
    """

    kind = "chunk"

    def __init__(
        self,
        backend: ChunkBackend,
        model: RobotModel,
        worker: InferenceWorker,
        *,
        name: str = "chunk",
        camera: Callable[[], CameraFrame | None] | None = None,
        reflex: BalanceReflex | None = None,
        timing: ChunkTiming | None = None,
        seed: int = 0,
        close: Callable[[], None] | None = None,
    ) -> None:
        missing = [joint for joint in backend.joints if joint not in model.joints]
        if missing:
            raise MisfitError(f"chunk backend {backend.name}: drives {missing[0]!r}, which {model.name} does not have")
        if camera is None and backend.needs_image:
            raise ConfigError(f"chunk backend {backend.name}: needs a camera and was given none")
        self.name, self.timing = name, timing or ChunkTiming()
        self._backend, self._model, self._worker, self._camera = backend, model, worker, camera
        self._driven = np.array([model.index(joint) for joint in backend.joints])
        self.joints = frozen(np.isin(np.arange(model.n), self._driven), bool)
        legs = reflex is not None and self.joints[reflex.legs].all()
        self._reflex = reflex if legs else None
        self._range = np.stack((model.lower, model.upper))[:, self._driven]
        self._within_range = getattr(backend, "within_range", False)
        self._seed, self._asked = seed, 0
        self._close: Callable[[], None] | None = close or backend.close
        self._pace = Pace()
        count = getattr(backend, "observations", 1)
        self._history = History(count, backend.rate_hz, self._driven) if count > 1 else None
        self.warnings: tuple[str, ...] = getattr(backend, "warnings", ())
        self._forget()

    def _forget(self) -> None:
        self._worker.cancel()
        if self._history is not None:
            self._history.clear()
        self._plan: Plan | None = None
        self._waiting = False
        self._prompt = ""
        self._next = -math.inf
        self._warm_since = self._began = math.nan
        self._target: JointTarget | None = None
        self._at = math.nan
        self._q = np.zeros(len(self._driven))
        self._seen = np.full(len(self._driven), np.inf)
        self._why = ""
        self.chunks = self.refused = 0

    @property
    def delay(self) -> float:
        return self._pace.usual

    @property
    def _present(self) -> Plan:
        """The plan that is played. Raises PolicyError where there is none yet."""
        if self._plan is None:
            raise PolicyError(f"policy {self.name}: acts before warm() returned True: there is no chunk yet")
        return self._plan

    def reset(self, state: RobotState, now: float) -> None:
        """Forgets plan, questions and counts; how long the backend takes stays known."""
        self._forget()
        if self._reflex is not None:
            self._reflex.reset()

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """Fetches the first chunk, and a fresh one whenever the hand-over takes longer than `timing.replan` or the robot has
        moved since: a bow predicted for a robot in mid-step begins in the middle. True while the chunk fits the robot."""
        if math.isnan(self._warm_since):
            self._warm_since = now
        self._remember(state, now)
        fits = self._collect(now) or self._fits(state)  # what came in just now is as fresh as can be
        if self._plan is None and self.refused >= MOST_FIRST_REFUSALS:
            raise PolicyError(f"policy {self.name}: no first chunk: {self._why}")
        if self._plan is None and now - self._warm_since > self.timing.first:
            raise PolicyError(
                f"policy {self.name}: no first chunk within {self.timing.first:g} s: "
                f"{self._why or f'{self._backend.name} does not answer'}"
            )
        if self._due(request, now) or (self._plan is not None and not fits and not self._waiting):
            if request.prompt != self._prompt:
                self._plan = None
            if self._backend.needs_image and self._picture(now) is None and now - self._warm_since <= CAMERA_START_S:
                return False  # it may just have been opened
            self._ask(state, request, now)
        return self._plan is not None and fits

    def _fits(self, state: RobotState) -> bool:
        """Whether the robot is still where the first chunk was predicted for."""
        return float(np.abs(state.joint_pos[self._driven] - self._seen).max()) <= STALE

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        """The target of this tick. Raises PolicyError when the plan ended `timing.patience` ago."""
        if now == self._at and self._target is not None:
            return self._target
        if math.isnan(self._began):
            self._begin(state, now)
        self._remember(state, now)
        self._collect(now)
        if self._due(request, now):
            self._ask(state, request, now)
        plan = self._present
        late = now - plan.end
        if late > self.timing.patience:
            raise PolicyError(
                f"policy {self.name}: held its last target for {late:.2f} s without a new chunk: "
                f"{self._why or f'{self._backend.name} does not answer'}"
            )
        q = plan.at(now)
        self._q, self._at = q, now
        self._target = self._compose(state, q)
        return self._target

    def _begin(self, state: RobotState, now: float) -> None:
        """The first chunk starts now, from where the joints are."""
        plan = self._plan = self._present.moved(now)
        self._began = now
        here = state.joint_pos[self._driven]
        gap = float(np.abs(here - plan.at(now)).max())
        if gap > STALE:
            plan.splice(here, None, now, min(LONGEST_SPLICE, 1.875 * gap / START_SPEED))
        self._worker.cancel()
        self._waiting = False
        self._next = self._ask_at(plan)
        self._q = plan.at(now)

    def _compose(self, state: RobotState, q: np.ndarray) -> JointTarget:
        posture = self._model.default.copy()
        posture[self._driven] = q
        if self._reflex is not None:
            posture += self._reflex.correction(state, posture)
        if self._within_range:
            np.clip(posture, self._model.lower, self._model.upper, out=posture)
        if not np.isfinite(posture).all():
            raise PolicyError(f"policy {self.name}: its target is not finite; check the sensors behind the reflex")
        posture.setflags(write=False)
        return JointTarget(posture, self._model.kp, self._model.kd, self.joints)

    def _ask_at(self, plan: Plan) -> float:
        """When the next question should go out."""
        latest = plan.end - self._pace.usual - self.timing.margin  # the plan came from an inference: it is known
        return min(plan.start + self.timing.replan, latest)

    def _due(self, request: Request, now: float) -> bool:
        if request.prompt != self._prompt:
            return True
        return not self._waiting and now >= self._next

    def _remember(self, state: RobotState, now: float) -> None:
        """Keeps what was measured, for a backend that predicts from more than the present."""
        if self._history is not None:
            self._history.note(state, self._picture(now))

    def _ask(self, state: RobotState, request: Request, now: float) -> None:
        frame = self._picture(now)
        if frame is None and self._backend.needs_image:
            raise PolicyError(
                f"policy {self.name}: no picture of the last {self.timing.camera_age:g} s, and "
                f"{self._backend.name} cannot go on blind; check the camera"
            )
        if frame is not None and (wrong := picture_problem(frame.image)):
            raise PolicyError(f"policy {self.name}: its camera: {wrong}")
        began = now if math.isnan(self._began) else self._began
        observation = ChunkObservation(
            state.stamp,
            frozen(state.joint_pos[self._driven]),
            frozen(state.joint_vel[self._driven]),
            None if frame is None else frame.image,
            math.nan if frame is None else frame.stamp,
            now - began,
            () if self._history is None else self._history.before(state.stamp),
        )
        previous, steps = None, 0
        if self._backend.supports_rtc and not math.isnan(self._began):
            previous = self._present.left_over(state.stamp, self._backend.horizon)
            steps = self._committed(len(previous), now - state.stamp)
            previous = previous if len(previous) else None
        self._prompt, self._waiting = request.prompt, True
        self._asked += 1
        seed = self._seed + self._asked
        self._worker.cancel()  # the newest is what counts
        self._worker.submit(InferenceRequest(observation, request.prompt, previous, steps, seed), now)

    def _committed(self, left: int, age: float = 0.0) -> int:
        """How many of the `left` rows still to be played the next chunk must repeat: those played while it is computed, and those
        of the `age` [s] of the measurement that its first row is meant for. Never all of them, nor more than half a horizon:
        what came later than that is spliced, and a new goal is heard soon."""
        rows = math.ceil((age + self._pace.expected(self.timing.replan)) * self._backend.rate_hz - 1e-6)
        return max(0, min(rows, self._backend.horizon // 2, left - 1))

    def _picture(self, now: float) -> CameraFrame | None:
        """The latest picture, unless it is too old: a lost or frozen camera."""
        frame = self._camera() if self._camera is not None else None
        return frame if frame is not None and now - frame.stamp <= self.timing.camera_age else None

    def _collect(self, now: float) -> bool:
        """Takes an answer that came in: splices it, or says why not. True if there is a new plan."""
        answer = self._worker.poll(now) if self._waiting else None
        if answer is None:
            return False
        self._waiting = False
        if not answer.error:
            self._pace.note(now - answer.submitted)
        fault = self._fault(answer, now)
        if fault:
            self.refused += 1
            self._why, self._next = f"{self._backend.name} {fault}", now + RETRY_S
            return False
        plan = Plan(np.array(answer.value, dtype=np.float64), answer.request.observation.stamp, self._backend.rate_hz)
        if not math.isnan(self._began):
            self._splice(plan, now)
        self._plan, self._why, self._seen = plan, "", answer.request.observation.joint_pos
        self._next = self._ask_at(plan)
        return True

    def _splice(self, plan: Plan, now: float) -> None:
        """Joins `plan` on to what the present one would do now."""
        q = self._present.at(now)
        dq = (q - self._q) / (now - self._at) if now > self._at else np.zeros_like(q)
        gap = float(np.abs(q - plan.at(now)).max())
        plan.splice(q, dq, now, min(LONGEST_SPLICE, max(self.timing.blend, 1.875 * gap / SPLICE_SPEED)))
        self.chunks += 1

    def _fault(self, answer: InferenceResult, now: float) -> str:
        """Why the answer cannot be played; "" if it can."""
        if answer.error:
            return f"raised {answer.error}"
        if fault := chunk_fault(answer.value, self._backend, self._range):
            return fault
        over = now - answer.request.observation.stamp - (len(np.asarray(answer.value)) - 1) / self._backend.rate_hz
        if over >= 0.0 and not math.isnan(self._began):
            return f"answered {over:.2f} s after its chunk was over"
        return ""

    def release(self) -> None:
        """Another policy drives: the question in work is forgotten."""
        self._worker.cancel()
        self._waiting = False

    def close(self) -> None:
        """Ends the worker and the backend. May be called twice."""
        self._worker.close()
        close, self._close = self._close, None
        if close is not None:
            close()
