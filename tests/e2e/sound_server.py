"""Owns a private PulseAudio with one virtual room: what is played into it is what its microphone hears."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

PACKAGES = {
    "pulseaudio": "pulseaudio",
    "pactl": "pulseaudio-utils",
    "paplay": "pulseaudio-utils",
    "parec": "pulseaudio-utils",
}
ROOM_RATE_HZ = 48_000
_START_S = 10.0
_PLUG_S = 10.0
_COMMAND_S = 60.0


class SoundServer:
    """A PulseAudio of one's own, apart from the machine's.

    Everything it knows stands in one folder: runtime, state, cookie, configuration. The default
    source is the monitor of the null sink "room", so playing into the room is speaking, and taking
    the sink away is pulling the plug. It runs as root in a container too: it only warns then.

    Parameters
    ----------
    folder
        An empty folder; its path must be short, sockets allow 107 bytes.

    Attributes
    ----------
    environment
        Variables that lead PulseAudio's clients, ALSA and thereby PortAudio to this server. They are
        read when those libraries are initialised, so they must be set before.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: subprocess.Popen[bytes] | None = None
        for name in ("run", "state", "home"):
            (folder / name).mkdir(mode=0o700)
        (folder / "client.conf").write_text("autospawn = no\n")
        # No `load-if-running` hook of the distribution, and no devices but this one.
        (folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\n"
            'pcm.!default { type pulse hint { show on description "Default" } }\n'
            "ctl.!default { type pulse }\n"
        )
        (folder / "server.pa").write_text("load-module module-native-protocol-unix auth-anonymous=1\n")
        self.environment = {
            "PULSE_SERVER": f"unix:{folder / 'run' / 'native'}",
            "PULSE_RUNTIME_PATH": str(folder / "run"),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }

    @property
    def log(self) -> str:
        """What the server has said, for failures."""
        return (self._folder / "server.log").read_text(errors="replace")

    def start(self) -> None:
        """Start the server and plug the room in."""
        missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
        if missing:
            raise RuntimeError(f"The sound server cannot run: apt install {' '.join(missing)}.")
        # Real-time scheduling and shared memory are what containers forbid; D-Bus is not there.
        options = (
            "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --realtime=no --high-priority=no "
            "--disable-shm=yes --log-target=stderr"
        )
        environment = {
            name: value for name, value in self._with_environment().items() if name != "PULSE_SERVER"
        }
        environment |= {"HOME": str(self._folder / "home"), "XDG_CONFIG_HOME": str(self._folder / "home")}
        environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent"
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["pulseaudio", *options.split(), "-F", str(self._folder / "server.pa")],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline_s = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"PulseAudio does not start:\n{self.log}")
            time.sleep(0.05)
        self.plug()

    def stop(self) -> None:
        """End the server; its clients lose their connections."""
        self._hush()
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def freeze(self) -> None:
        """Let the server hang: alive, but without an answer for anybody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @property
    def plugged(self) -> bool:
        """Whether the room's microphone is there."""
        return bool(self._modules())

    def plug(self) -> None:
        """Plug the room's microphone in, if it is not; returns when it delivers sound."""
        if self.plugged:
            return
        self._pactl(
            "load-module",
            "module-null-sink",
            "sink_name=room",
            f"rate={ROOM_RATE_HZ}",
            "channels=2",
            "sink_properties=device.description=Room",
        )
        self._pactl("set-default-sink", "room")
        self._pactl("set-default-source", "room.monitor")
        self._listen()

    def unplug(self) -> None:
        """Pull the plug: the default source vanishes under whoever records from it."""
        for module in self._modules():
            self._pactl("unload-module", module)
        self._hush()

    def speak(self, path: Path, *, wait: bool = True) -> subprocess.Popen[bytes]:
        """Play a sound file (WAV, FLAC, Ogg) into the room.

        Parameters
        ----------
        path
            What to say.
        wait
            Return when it has been said, else at once.
        """
        voice = subprocess.Popen(["paplay", "--device=room", str(path)], env=self._with_environment())
        if wait and voice.wait(_COMMAND_S):
            raise RuntimeError(f"paplay ended with {voice.returncode}:\n{self.log}")
        return voice

    def _listen(self) -> None:
        """Keep a fast listener in the room, and wait until it hears.

        A null sink works in steps of two seconds until somebody asks for less, so whoever opens it
        first would wait so long for a first block. Real microphones do not; this one shall not either.
        """
        self._hush()
        self._listener = self._record(subprocess.DEVNULL)
        probe = self._record(subprocess.PIPE)
        assert probe.stdout is not None
        os.set_blocking(probe.stdout.fileno(), False)
        deadline_s = time.monotonic() + _PLUG_S
        try:
            while not probe.stdout.read(1):
                if time.monotonic() > deadline_s:
                    raise RuntimeError(f"The room stays silent:\n{self.log}")
                time.sleep(0.02)
        finally:
            probe.kill()
            probe.wait()
            probe.stdout.close()

    def _record(self, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["parec", "--device=room.monitor", "--latency-msec=20", "--raw"],
            env=self._with_environment(),
            stdout=output,
            stderr=subprocess.DEVNULL,
        )

    def _hush(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.kill()
            listener.wait()

    def _modules(self) -> list[str]:
        lines = self._pactl("list", "short", "modules").splitlines()
        return [line.split()[0] for line in lines if "module-null-sink" in line]

    def _answers(self) -> bool:
        command = subprocess.run(
            ["pactl", "info"],
            env=self._with_environment(),
            capture_output=True,
            check=False,
            timeout=_COMMAND_S,
        )
        return command.returncode == 0

    def _pactl(self, *arguments: str) -> str:
        command = subprocess.run(
            ["pactl", *arguments],
            env=self._with_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_S,
        )
        if command.returncode:
            raise RuntimeError(f"pactl {' '.join(arguments)}: {command.stderr.strip()}\n{self.log}")
        return command.stdout

    def _with_environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
        return others | self.environment
