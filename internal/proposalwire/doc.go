// Package proposalwire codes the messages of the Proposals stream of api/host/v1,
// for the client's end and for the host's: the bytes that protobuf's code makes and
// accepts, without an object for each proposal. They are most of what a loaded
// host decodes and encodes for its clients.
//
// Tests at both ends compare with the generated code, and hold the numbers of the
// fields against the descriptors.
package proposalwire
