"""`--viewer web`: in a browser the robot in 3-D, a box for instructions, stop and damp buttons, and the state of the run.

Only who knows the printed address can see or drive the robot through it (`deploy.console.request_guard`).
"""

from __future__ import annotations

import contextlib
import http.client
import io
import queue
import socket
import threading

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from arbiter.extras import needed
from arbiter.robot import RobotModel
from arbiter.slots import LatestSlot
from arbiter.threads import start_thread
from deploy.console import page
from deploy.console.snapshot import Event, Snapshot
from deploy.drivers.simulated.scene import Scene, compile_scene
from deploy.robots.mjcf import set_posture

HZ = 25.0  # pictures a second
TALL = 0.9  # [m] of a robot; for a taller one the first view is from farther away
TEXT_HZ = 5.0  # refreshes of the panel a second
LONGEST = 400  # [characters] of an instruction
FIRST = ("damp", "stop")  # events that nothing goes before


class WebConsole:
    """A page on `host`:`port`. Draws on a thread of its own; `publish` and `poll` return at once.

    Attributes:
        address: Address of the page, with the secret without which every request is refused.
    """

    def __init__(self, model: RobotModel, host: str = "127.0.0.1", port: int = 8080) -> None:
        """Raises ConfigError if viser is missing or the port is taken."""
        try:
            import viser

            from deploy.console.meshes import body_meshes
            from deploy.console.request_guard import RequestGuard, guarding
        except ImportError as error:
            raise ConfigError(f"--viewer web {needed('viser')}") from error
        check_port(host, port)
        self._model = compile_scene(model, Scene(), 0.002)
        self._data = mujoco.MjData(self._model)
        self._guard = RequestGuard(host)
        with guarding(self._guard), contextlib.redirect_stdout(io.StringIO()):  # it prints an address without the secret
            self._server = viser.ViserServer(host=host, port=port, label=model.name.replace("_", " "), verbose=False)
        self._check_guarded(host, viser.__version__)
        self.address = f"http://{host}:{self._server.get_port()}/{self._guard.token}/"
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._slot: LatestSlot[Snapshot] = LatestSlot()
        self._closing = threading.Event()
        self._build_scene(body_meshes(self._model), 1.0 if model.body is None else max(1.0, model.body.tall / TALL))
        self._build_panel()
        self._thread = start_thread("web console", self._draw)

    def publish(self, snapshot: Snapshot) -> None:
        """Sets the snapshot to show."""
        self._slot.put(snapshot)

    def poll(self) -> list[Event]:
        """The user's inputs since the last call: damp and stop first, then the rest in order."""
        events = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except queue.Empty:
                return sorted(events, key=lambda event: FIRST.index(event[0]) if event[0] in FIRST else len(FIRST))

    def close(self) -> None:
        """Ends the page. May be called twice."""
        if not self._closing.is_set():
            self._closing.set()
            self._thread.join(2.0)
            self._server.stop()

    def _check_guarded(self, host: str, version: str) -> None:
        """Sends a request without the secret. Raises ConfigError if it is answered: the guard is then not in place."""
        knock = http.client.HTTPConnection(host, self._server.get_port(), timeout=10.0)
        try:
            knock.request("GET", "/")
            open_to_all = knock.getresponse().status != http.HTTPStatus.FORBIDDEN
        except (OSError, http.client.HTTPException) as error:
            self._server.stop()
            raise ConfigError(f"--viewer web: its own server does not answer ({error})") from error
        finally:
            knock.close()
        if open_to_all:
            self._server.stop()
            raise ConfigError(
                f"--viewer web: viser {version} answers without the secret, so that any page could drive the "
                "robot; install the version of uv.lock: uv sync --inexact --extra viewer"
            )

    def _build_scene(self, meshes: list, scale: float) -> None:
        scene = self._server.scene
        scene.set_up_direction("+z")
        scene.add_grid(
            "/floor",
            width=40.0,
            height=40.0,
            cell_size=0.5,
            section_size=1.0,
            plane_color=(214, 218, 223),
            plane_opacity=1.0,
            shadow_opacity=0.35,
        )
        self._server.initial_camera.position = (1.9 * scale, -1.3 * scale, scale)
        self._server.initial_camera.look_at = (0.0, 0.0, 0.45 * scale)
        self._frames = {}
        for number, mesh in enumerate(meshes):
            name = self._model.body(mesh.body).name
            if mesh.body not in self._frames:
                self._frames[mesh.body] = scene.add_frame(f"/robot/{name}", show_axes=False)
            scene.add_mesh_simple(f"/robot/{name}/{number}", mesh.vertices, mesh.faces, color=mesh.colour)

    def _build_panel(self) -> None:
        gui = self._server.gui
        gui.configure_theme(control_layout="collapsible", show_logo=False, show_share_button=False, brand_color=(242, 144, 58))
        stop = gui.add_button("STOP", color="red", hint="Stops the robot at once, whatever it does")
        damp = gui.add_button("DAMP", color="orange", hint="Motors only damp from now on: a standing robot goes down")
        self._status = gui.add_html("")
        with gui.add_form("Tell it what to do") as form:
            text = gui.add_text("Say", "", hint="walk forward, wave your right hand, turn left 90 degrees …; help")
            say = gui.add_button("Send")
        self._manual = gui.add_html("")
        with gui.add_folder("Route"):
            self._route = gui.add_html(page.route(None))
        with gui.add_folder("Joints"):
            self._owners = gui.add_html("")
        with gui.add_folder("Tree"):
            self._branch = gui.add_html("")
        with gui.add_folder("Events"):
            self._log = gui.add_html("")
        reset = gui.add_button("Reset after a fault", hint="Forgets a latched fault; the robot is hung up and armed again")

        # Coroutines run on the page's own event loop: a stop does not wait for a free thread.
        @stop.on_click
        async def _(_) -> None:
            self._events.put(("stop",))

        @damp.on_click
        async def _(_) -> None:
            self._events.put(("damp",))

        @reset.on_click
        async def _(_) -> None:
            self._events.put(("reset",))

        @say.on_click
        async def _(_) -> None:
            form.submit()

        @form.on_submit
        async def _(_) -> None:
            asked = " ".join(text.value.split())[:LONGEST]
            text.value = ""
            if asked:
                self._events.put(("say", asked))

    def _draw(self) -> None:
        count, placed, written = 0, None, None
        while not self._closing.wait(1.0 / HZ):
            snapshot = self._slot.peek()
            if snapshot is not None and snapshot is not placed:
                self._place(snapshot)
                placed = snapshot
            if count % round(HZ / TEXT_HZ) == 0 and snapshot is not None and snapshot is not written:
                self._write(snapshot)
                written = snapshot
            count += 1

    def _place(self, snapshot: Snapshot) -> None:
        """Moves the bodies to their poses in the snapshot."""
        data = self._data
        set_posture(data, snapshot.base_pos, snapshot.base_quat, snapshot.joint_pos)
        if not np.isfinite(data.qpos).all():  # a broken sensor: the picture stays
            return
        for colour, centre in snapshot.balls.items():
            data.mocap_pos[self._model.body(f"ball_{colour}").mocapid[0]] = centre
        mujoco.mj_kinematics(self._model, data)
        with self._server.atomic():
            for body, frame in self._frames.items():
                frame.position = data.xpos[body]
                frame.wxyz = data.xquat[body]

    def _write(self, snapshot: Snapshot) -> None:
        """Fills the panel."""
        for handle, content in (
            (self._status, page.status(snapshot)),
            (self._manual, page.manual(snapshot)),
            (self._branch, page.branch(snapshot)),
            (self._owners, page.owners(snapshot)),
            (self._route, page.route(snapshot.route)),
            (self._log, page.log(snapshot)),
        ):
            if handle.content != content:
                handle.content = content


def check_port(host: str, port: int) -> None:
    """Raises ConfigError if the port cannot be opened (viser would silently take the next one)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"--viewer web: cannot listen on {host}:{port}: {reason}; choose another with --port") from error
