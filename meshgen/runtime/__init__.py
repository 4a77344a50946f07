"""Runs a graph, in this process or as the replicas of a mesh: one engine, over a transport that knows where nodes are.

The way of a request in process (`meshgen local`, `meshgen.local(app)`):

    local.graph      binds the arguments to the route's input, checks its rules
    local.engines    chooses the engine for the route: the one place where that is decided
      engine.schedule          what both engines go by, worked out once: steps, what each needs, what runs beside what
      engine.compiled.route    sync nodes alone: the route as one generated function, without loop, tasks, threads
      engine.executor          everything else: steps on demand from the output back, independent ones in parallel
        engine.policies        what a call's policy asks for, around the one way to make a call
          call.transport       the seam: `CallInfo` (node, method, policy, place) and arguments → result
    local.layers     transports over the transport; `local.through_codec` is one: each value through its contract
    local.transport  constructs a node when it is first called
      nodes.instance           calls the user's code: async on the loop, sync in `nodes.thread_pool`, within its time
      nodes.handles            what a constructor gets for another node; a call by it goes through the transport again

The way of a request on a mesh, from the driver's replica to a node's and back:

    mesh.server      opens the replica's socket, to Envoy and to callers on this machine: `mesh.wire`
    mesh.request     what surrounds an rpc: span, deadline, Serve's slot, limits, and the status of what went wrong
    mesh.published   decodes the request; runs the route by `engine.executor`, or calls the node; encodes the answer
    mesh.transport   a node that is placed here is called as in process, behind the checks of `mesh.boundary`
    mesh.remote      all others: encodes the arguments (answers of other nodes go on undecoded: `codec.lazy`)
      mesh.peers               chooses a channel: the least busy replica of this machine, else Envoy
      mesh.retry               takes another one, once, when the peer was lost and that can do no harm
      mesh.channel             the seam: path, bytes, seconds, metadata → bytes; `mesh.wire`
      mesh.call_errors         makes of what went wrong the status that the caller is told, in the node's name

`call` holds what all of them pass along: the request (`context`), its time (`deadline`), spans (`tracing`), metadata,
and errors. `mesh.replica` is what Serve constructs. Nothing here knows how a graph was written: `meshgen.inprocess`
and `meshgen.service` put frontend and runtime together.
"""
