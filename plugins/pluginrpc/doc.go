// Package pluginrpc is what the RPC adapters of all three kinds share, on both
// ends of a plugin's connection: the handshake, the codec and the options of a
// connection, the tables that carry errors across, Describe and the session
// stream, and the check that a call comes from the present incarnation of the
// host.
//
// The adapters are storagerpc, transportrpc and statemachinerpc. Each has a Client,
// which implements its contract for the host, and a Register, which serves a backend.
// They are made of a HostEnd and a PluginEnd, and of what both have for streams: Upload
// and AnswerUpload for what is sent in chunks, HostStream, Feed and Both for numbered
// batches and their answers, ChunkReader for what arrives. A Client is a facade: every
// answer of a plugin is checked against the contract before the host sees it, and what
// the contract rules out becomes plugins.ErrBadAnswer.
//
// Which side an error comes from is always visible:
//
//   - an error of the plugin is a status with a google.rpc.ErrorInfo detail of
//     domain Domain, whose reason names a sentinel of the contract;
//   - plugins.ErrGone stands for a connection that broke before an answer came;
//   - plugins.ErrBadAnswer stands for an answer that cannot be true;
//   - the error of the caller's context means that the caller gave up.
package pluginrpc
