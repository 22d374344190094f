package api

const (
	// mostConnections is the most client connections of a host by default.
	mostConnections = 1024
	// descriptorReserve is left to plugins, storage, peers and the admin port.
	descriptorReserve = 256
	// fewestConnections are taken however low the limit is: without any, no
	// client could be told of it.
	fewestConnections = 16
)

// connectionsWithin is how many client connections there may be below a limit of
// descriptors: as many as wanted, by default mostConnections, or as fit.
func connectionsWithin(limit uint64, wanted int) int {
	if wanted <= 0 {
		wanted = mostConnections
	}
	fit := uint64(fewestConnections)
	if limit > descriptorReserve+fewestConnections {
		fit = limit - descriptorReserve
	}
	return int(min(fit, uint64(wanted)))
}
