package api

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// The keys of the configuration that name the two addresses, for errors.
const (
	clientKey = "api.listen"
	adminKey  = "admin.listen"
)

// Listen opens both ports; an empty adminAddr means no admin port. An error
// names the address and the key of the configuration it comes from, and
// leaves nothing open.
func (s *Server) Listen(clientAddr, adminAddr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return ErrServerStopped
	case s.clients != nil:
		return fmt.Errorf("%s: already listening on %v", clientKey, s.clients.base.Addr())
	}
	if err := s.secure(clientAddr, adminAddr); err != nil {
		return err
	}
	clients, err := listen(clientKey, clientAddr)
	if err != nil {
		return err
	}
	if adminAddr != "" {
		ln, err := listen(adminKey, adminAddr)
		if err != nil {
			clients.Close()
			return err
		}
		s.adminLn = &adminListener{Listener: ln, max: s.opts.Limits.MaxAdminConnections, counts: &s.bounds.counts, said: newSparing(s.log)}
	}
	s.clients = newSplitter(clients, s.clientTLS.server(), &s.failed, s.log, s.opts.Limits, s.reserved, s.opts.Access, &s.bounds.meters)
	s.clients.trusts = s.clientTLS.trusts
	return nil
}

// secure reads the certificates of both ports, and refuses addresses that must
// not go without.
func (s *Server) secure(clientAddr, adminAddr string) (err error) {
	o := s.opts
	if err := checkExposure(clientKey, "api", clientAddr, o.TLS, o.Insecure); err != nil {
		return err
	}
	if s.clientTLS, err = openSecurity("api.tls", o.TLS, []string{protocolHTTP1, protocolHTTP2}, s.log); err != nil || adminAddr == "" {
		return err
	}
	if err := checkExposure(adminKey, "admin", adminAddr, o.AdminTLS, o.AdminInsecure); err != nil {
		return err
	}
	s.adminTLS, err = openSecurity("admin.tls", o.AdminTLS, []string{protocolHTTP1}, s.log)
	return err
}

func listen(key, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use by another process; stop it or choose another address: %w", key, addr, err)
	}
	return nil, fmt.Errorf("%s: cannot listen on %q: %w", key, addr, err)
}

// Addr is where clients connect, nil before Listen.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients == nil {
		return nil
	}
	return s.clients.base.Addr()
}

// AdminAddr is the address of the admin port, nil if there is none.
func (s *Server) AdminAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.adminLn == nil {
		return nil
	}
	return s.adminLn.Addr()
}
