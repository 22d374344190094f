package api

// Routes are all requests that the server answers: methods of gRPC by their full names,
// and paths of either port.
func (s *Server) Routes() (methods, paths, adminPaths map[string]bool) {
	methods, paths, adminPaths = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for service, info := range s.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			methods["/"+service+"/"+m.Name] = true
		}
	}
	for path := range newJSONAPI(s.requests, newHostNames(nil, s.clientAddresses)).routes {
		paths[path] = true
	}
	for path := range adminRoutes(s.opts.Service, s.health, s.opts.Gatherer) {
		adminPaths[path] = true
	}
	return methods, paths, adminPaths
}
