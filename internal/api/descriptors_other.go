//go:build !unix

package api

// descriptorLimit is how many descriptors this process may have: as many as it
// wants, for all that is known here.
func descriptorLimit() uint64 { return mostConnections + descriptorReserve }
