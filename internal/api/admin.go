package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// A check is one line of a health answer.
type check struct {
	name string
	err  error
	note string // what is worth knowing though the check passes
	// warning: the line says what is not well, and decides nothing.
	warning bool
}

// newAdmin is the handler of the admin port: health, metrics and profiles.
func newAdmin(svc server.Service, h *healthService, g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	for path, serve := range adminRoutes(svc, h, g) {
		if path == "/" {
			path = "/{$}"
		}
		mux.HandleFunc("GET "+path, serve)
	}
	return mux
}

// adminRoutes are the paths of the admin port; each has a row in needs.
func adminRoutes(svc server.Service, h *healthService, g prometheus.Gatherer) map[string]http.HandlerFunc {
	few := fewProfiles()
	routes := map[string]http.HandlerFunc{
		"/livez": func(w http.ResponseWriter, r *http.Request) {
			answerChecks(w, r, []check{{name: "raft", err: svc.Live()}})
		},
		"/readyz": func(w http.ResponseWriter, r *http.Request) {
			answerChecks(w, r, readyChecks(svc, h))
		},
		profiles:             few(pprof.Index),
		profiles + "cmdline": few(pprof.Cmdline),
		profiles + "profile": few(pprof.Profile),
		profiles + "symbol":  few(pprof.Symbol),
		profiles + "trace":   few(pprof.Trace),
		"/": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "/livez\n/readyz\n/metrics\n/debug/pprof/\n")
		},
	}
	if g != nil {
		routes["/metrics"] = promhttp.HandlerFor(g, promhttp.HandlerOpts{
			EnableOpenMetrics:   true,
			MaxRequestsInFlight: 4,
		}).ServeHTTP
	}
	return routes
}

// refuseAdmin answers a request whose client cannot be identified.
func refuseAdmin(w http.ResponseWriter, err error) {
	askForToken(w, err)
	http.Error(w, err.Error(), verdictOf(err).http)
}

// readyChecks are the server's own readiness, which alone decides together
// with the service's, and a line for each plugin to say where to look.
func readyChecks(svc server.Service, h *healthService) []check {
	checks := []check{{name: "admission", err: h.end.refusal()}, {name: "service", err: svc.Ready()}}
	st := svc.Status()
	for _, w := range st.Warnings {
		checks = append(checks, check{name: w.Reason, note: ": " + strings.ReplaceAll(w.Text, "\n", " "), warning: true})
	}
	for _, p := range st.Plugins {
		c := check{name: fmt.Sprintf("%s(%s)", p.Kind, p.Name)}
		if p.Warning != "" {
			c.note = ", " + strings.ReplaceAll(p.Warning, "\n", " ")
		}
		if p.State != "ready" {
			c.err = fmt.Errorf("is %s after %d restarts: %s", p.State, p.Restarts, orNone(p.LastError))
		}
		checks = append(checks, c)
	}
	return checks
}

func orNone(s string) string {
	if s == "" {
		return "no error reported"
	}
	return strings.ReplaceAll(s, "\n", " ")
}

// answerChecks says "ok", or else every check: all of them with ?verbose.
func answerChecks(w http.ResponseWriter, r *http.Request, checks []check) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	var lines strings.Builder
	code := http.StatusOK
	for _, c := range checks {
		if c.warning {
			fmt.Fprintf(&lines, "[!]%s%s\n", c.name, c.note)
			continue
		}
		if c.err == nil {
			fmt.Fprintf(&lines, "[+]%s ok%s\n", c.name, c.note)
			continue
		}
		code = http.StatusServiceUnavailable
		fmt.Fprintf(&lines, "[-]%s: %v\n", c.name, c.err)
	}
	verdict := r.URL.Path[1:] + " check passed\n"
	if code != http.StatusOK {
		verdict = r.URL.Path[1:] + " check failed\n"
	}
	w.WriteHeader(code)
	if _, verbose := r.URL.Query()["verbose"]; !verbose && code == http.StatusOK {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	_, _ = io.WriteString(w, lines.String()+verdict)
}
