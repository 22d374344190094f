package api

const (
	// mostConnections is the most client connections of a host by default.
	mostConnections = 1024
	// descriptorReserve is left to plugins, storage, peers and the admin port.
	descriptorReserve = 256
	// fewestConnections are taken however low the limit is: without any, nobody
	// could be told.
	fewestConnections = 16
)

// connectionsWithin is how many client connections fit below a limit of
// descriptors.
func connectionsWithin(limit uint64) int {
	if limit <= descriptorReserve+fewestConnections {
		return fewestConnections
	}
	return int(min(limit-descriptorReserve, mostConnections))
}
