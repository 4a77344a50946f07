"""A run from start to end: everything is started, watched, and taken down in order however it ends."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from meshgen.control import deploy, environment, http, ports, sources, spans, take_off
from meshgen.control.agent.discovery import Discovery, Snapshot
from meshgen.control.agent.envoy import Envoy
from meshgen.control.agent.parts import envoy_running, exposed_services, pages_running, reflection_running
from meshgen.control.cluster import Cluster
from meshgen.control.collector import watch_collector
from meshgen.control.follow import follow
from meshgen.control.layout import Layout, keep_logs, make_folder, otlp_from_environment
from meshgen.control.model import (
    Addresses,
    ClusterError,
    ErrorsEvent,
    Event,
    MeshError,
    MeshOptions,
    NoteEvent,
    PhaseEvent,
    Target,
    authority,
)
from meshgen.control.reaper import Reaper
from meshgen.control.signals import stop_on_signal
from meshgen.emit.envoy import HEALTH_PATH, Otlp

_POLL_S = 0.1
_LOOK_S = 0.5
"""Between two looks whether all parts live."""
_SILENCE_LIMIT_S = 120.0


async def run_mesh(
    targets: Sequence[Target],
    options: MeshOptions,
    *,
    progress: Callable[[Event], None],
    ready: Callable[[Addresses], None],
    loaded_at: float,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the graphs until `stop` is set, a signal comes, or a part breaks; then leave nothing behind.

    Call it once in a process, on the main thread, before anything imports Ray.

    Args:
        targets: the built graphs.
        options: where to listen, which Ray.
        progress: told each event, on the event loop.
        ready: told the addresses once every node serves.
        loaded_at: before the first graph was loaded, in seconds since 1970.
        stop: ends the run; SIGINT, SIGTERM and SIGHUP set it, too. A second signal ends the process at once.

    Raises:
        MeshError: a busy port, a part that did not start or that died; StartError for a node.
    """
    port = ports.public_port(options.host, options.port)
    stop = stop or asyncio.Event()
    run_id = uuid.uuid4().hex
    folder = make_folder()
    reaper = Reaper(run_id, folder, _last_command(targets, options))
    try:
        with stop_on_signal(stop) as take_signals:
            layout = Layout.pick(folder, port)
            run = _Run(targets, options, layout, run_id, progress, take_signals, loaded_at)
            await run.until_stopped(stop, ready)
    except ClusterError as error:
        if kept := keep_logs(folder):
            raise ClusterError(f"{error}\nRay's logs are in {kept}") from error
        raise
    finally:
        clean = await asyncio.to_thread(reaper.finish)
        progress(PhaseEvent(phase="stopped", message="" if clean else f"some files or processes remain: {folder}"))


def _last_command(targets: Sequence[Target], options: MeshOptions) -> tuple[str, ...]:
    if options.address is None:
        return ()
    names = [d.workload.application for d in deploy.deployed(targets)]
    return (sys.executable, "-P", take_off.__file__, options.address, *names)


class _Run:
    """The parts of one run."""

    def __init__(
        self,
        targets: Sequence[Target],
        options: MeshOptions,
        layout: Layout,
        run_id: str,
        progress: Callable[[Event], None],
        take_signals: Callable[[], None],
        loaded_at: float,
    ) -> None:
        self._take_signals = take_signals
        self._loaded_at = loaded_at
        self._targets = targets
        self._options = options
        self._run_id = run_id
        self._tell = progress
        self._workloads = deploy.deployed(targets)
        self._layout = layout
        self._replicas = layout.replicas if options.east_west == "direct" else None
        self._roots = tuple(dict.fromkeys(t.root.resolve() for t in targets))
        self._cluster = Cluster()
        self._begin = time.monotonic()
        self._progress: deploy.Progress | None = None
        self._stopping = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def until_stopped(self, stop: asyncio.Event, ready: Callable[[Addresses], None]) -> None:
        """Start, wait, stop. A stop during the start ends the start."""
        self._tell(PhaseEvent(phase="starting"))
        life = asyncio.create_task(self._live(ready))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({life, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not life.done():
                # At once, for what has begun may take its time to end.
                self._tell_stopping()
        finally:
            stopped.cancel()
            if not life.done():
                life.cancel()
            await asyncio.gather(life, stopped, return_exceptions=True)
        if not life.cancelled() and (error := life.exception()) is not None:
            raise error

    async def _live(self, ready: Callable[[Addresses], None]) -> None:
        """Everything up, in order; ends with an error when a part breaks; takes everything down when it ends."""
        self._prepare()
        layout = self._layout
        names = [d.workload.application for d in self._workloads]
        discovery = Discovery(
            self._cluster.details, self._cluster.changed, layout.endpoints, names, replicas=self._replicas
        )
        # The front comes after Ray, whose start forks: gRPC with threads of its own complains about each fork.
        async with AsyncExitStack() as parts:
            config = layout.write_config(self._targets, self._options)
            envoy = await parts.enter_async_context(
                envoy_running(config, admin_port=layout.admin_port, folder=layout.folder)
            )
            await parts.enter_async_context(self._ray(names))
            parts.enter_context(spans.written(self._options.trace, layout.spans_port))
            await parts.enter_async_context(
                reflection_running(self._targets, self._options, discovery, port=layout.reflection_port)
            )
            await parts.enter_async_context(pages_running(self._targets, port=layout.pages_port))
            await self._serve(envoy, discovery, ready)

    async def _serve(self, envoy: Envoy, discovery: Discovery, ready: Callable[[Addresses], None]) -> None:
        """Deploy, tell when all is up, and go on until a part breaks."""
        watch = asyncio.create_task(discovery.run())
        broken = asyncio.create_task(self._broken(envoy, discovery))
        start = asyncio.create_task(self._start(discovery))
        errors = asyncio.create_task(follow(self._layout.errors, lambda text: self._tell(ErrorsEvent(text=text))))
        others = [asyncio.create_task(watch_collector(otlp, self._note)) for otlp in _collectors(self._options)]
        try:
            await _first_ended({start, broken, self._failure})
            discovery.listeners.remove(self._follow)
            discovery.waits_for_word = True
            self._tell(PhaseEvent(phase="ready"))
            ready(self._addresses())
            await broken
        finally:
            self._tell_stopping()
            tasks = (watch, broken, start, errors, *others)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # First of all, so that clients see a closed door and not a house without anybody in it.
            await envoy.stop()

    def _note(self, text: str) -> None:
        self._tell(NoteEvent(text=f"note: {text}"))

    def _tell_stopping(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._tell(PhaseEvent(phase="stopping"))

    def _prepare(self) -> None:
        for note in sources.keep(self._roots, self._layout.sources, loaded_at=self._loaded_at):
            self._note(note)
        self._layout.write_tree(self._targets)
        limit = self._options.max_message_mb
        layout = self._layout
        layout.errors.touch()
        if self._replicas is not None:
            self._replicas.mkdir()
        self._env = environment.for_replicas(
            layout.tree, self._roots, layout.mesh_address, layout.errors, limit, self._replicas
        )
        if self._options.trace is not None:
            self._env |= spans.environment(self._options.trace, layout.spans_port)
        joined = self._options.address is not None
        if joined:
            more = environment.for_every_process(self._run_id)
        else:
            more = environment.for_own_cluster(self._run_id, layout.folder)
        environment.apply({**self._env, **more})

    @asynccontextmanager
    async def _ray(self, names: Sequence[str]) -> AsyncIterator[None]:
        try:
            up = asyncio.create_task(self._connect(names))
            lost = asyncio.create_task(self._lost())
            try:
                await _first_ended({up, lost})
            finally:
                up.cancel()
                lost.cancel()
                await asyncio.gather(up, lost, return_exceptions=True)
            yield
        finally:
            await self._cluster.stop()

    async def _connect(self, names: Sequence[str]) -> None:
        address = self._options.address
        if address is None:
            self._tell(PhaseEvent(phase="starting", message="starting Ray"))
            await self._cluster.start(cpus=deploy.cpus(self._workloads, surge=True), folder=self._layout.ray)
            self._take_signals()
            self._tell(PhaseEvent(phase="starting", message="starting Serve"))
            await self._cluster.start_serve()
        else:
            self._tell(PhaseEvent(phase="starting", message=f"joining Ray at {address}"))
            await self._cluster.join(address, names, cpus=deploy.cpus(self._workloads), env=self._env)
        self._take_signals()

    async def _lost(self) -> None:
        """Return never; raise when a part of Ray has died, or a start takes too long that does not count nodes yet."""
        deadline = time.monotonic() + self._options.start_timeout_s
        while (dead := self._cluster.broken()) is None:
            if time.monotonic() > deadline:
                raise ClusterError(f"Ray and Serve did not start within {self._options.start_timeout_s:g} s")
            await asyncio.sleep(_LOOK_S)
        raise ClusterError(dead)

    async def _start(self, discovery: Discovery) -> None:
        self._tell(PhaseEvent(phase="deploying", message=f"deploying {len(self._workloads)} services"))
        self._progress = deploy.Progress(self._workloads, self._tell)
        apps = await self._cluster.run(deploy.applications, self._layout.tree, self._roots, self._workloads)
        await self._cluster.deploy(apps)
        discovery.listeners.append(self._follow)
        limit = self._options.start_timeout_s
        while not await self._healthy():
            if time.monotonic() - self._begin > limit:
                waiting = ", ".join(self._progress.pending()) or "Envoy's health checks"
                raise MeshError(f"the mesh did not start within {limit:g} s; still waiting for: {waiting}")
            await asyncio.sleep(_POLL_S)

    async def _follow(self, snapshot: Snapshot) -> None:
        assert self._progress is not None
        try:
            self._progress.update(snapshot)
        except MeshError as error:
            if not self._failure.done():
                self._failure.set_exception(error)

    async def _healthy(self) -> bool:
        assert self._progress is not None
        if self._progress.pending():
            return False
        return await http.status(self._options.connect_host, self._layout.port, HEALTH_PATH) == 200

    async def _broken(self, envoy: Envoy, discovery: Discovery) -> None:
        """Return never; raise when a part has died."""
        end = asyncio.create_task(envoy.wait())
        try:
            while True:
                await asyncio.wait({end}, timeout=_LOOK_S)
                if end.done():
                    raise MeshError(end.result())
                if dead := self._cluster.broken():
                    raise ClusterError(dead)
                since = discovery.failed_since
                if since is not None and time.monotonic() - since > _SILENCE_LIMIT_S:
                    raise MeshError(f"Serve has not answered for {_SILENCE_LIMIT_S:g} s")
        finally:
            end.cancel()

    def _addresses(self) -> Addresses:
        layout = self._layout
        base = authority(self._options.connect_host, layout.port)
        meshes = [t.plan.mesh for t in self._targets]
        return Addresses(
            host=self._options.connect_host,
            port=layout.port,
            rest=tuple(f"http://{base}{r.path}" for m in meshes for r in m.routes),
            services=tuple(s.service for s in exposed_services(self._targets, self._options)),
            run_dir=layout.folder,
            logs=self._cluster.logs(),
        )


def _collectors(options: MeshOptions) -> tuple[Otlp, ...]:
    """The collector of somebody else; what writes a file (`--trace`) is our own."""
    otlp = None if options.trace is not None else otlp_from_environment()
    return () if otlp is None else (otlp,)


async def _first_ended(tasks: set[asyncio.Future[None]]) -> None:
    """Wait for one of them, and raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
