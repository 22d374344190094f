package client

// renew begins a new stream when the client's token has become another one: a
// stream ends with the token that it began with. It reports whether there is a new
// one.
func (s *session) renew() bool {
	token, err := s.c.opts.token.current()
	if err != nil || token == s.current.token {
		return false
	}
	p, _, err := s.open(s.current.endpoint)
	if err != nil {
		return false
	}
	s.use(p)
	return true
}
