package hostconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// envPrefix begins the name of every variable that concerns Pontoon.
const envPrefix = "PONTOON_"

// variable is the environment's name for a key.
func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// clientVariables are read by the client commands, not by a host.
func clientVariables() []string {
	return []string{
		"PONTOON_ENDPOINTS", "PONTOON_TIMEOUT", "PONTOON_TOKEN", "PONTOON_TOKEN_FILE", "PONTOON_CLIENT_CONFIG",
		"PONTOON_CA", "PONTOON_CERT", "PONTOON_KEY", "PONTOON_SERVER_NAME",
	}
}

// readEnvironment returns the settings in environ by key, and the variables
// that name nothing. An empty variable counts as not set. Variables that name
// a section or a list, or look as if they should name a setting, are problems.
//
// Other PONTOON_ variables must not be errors: an orchestrator makes some of
// its own, for example Kubernetes from the name of a service.
func readEnvironment(environ []string, s schema, ps *problems) (map[string]string, []string) {
	values := map[string]string{}
	var ignored []string
	for _, v := range environ {
		name, text, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, envPrefix) || text == "" || slices.Contains(clientVariables(), name) {
			continue
		}
		if key := s.keyOf(name); key != "" {
			values[key] = text
			continue
		}
		if isServiceVariable(name, text) {
			ignored = append(ignored, name)
			continue
		}
		if text := s.refusal(name); text != "" {
			ps.add(Problem{Place: name, Text: text})
			continue
		}
		ignored = append(ignored, name)
	}
	slices.Sort(ignored)
	return values, ignored
}

// isServiceVariable reports whether a variable that names no setting is one of
// those that Kubernetes makes for each service of a namespace: a service called
// pontoon-api gives PONTOON_API_SERVICE_HOST, PONTOON_API_PORT=tcp://… and more.
func isServiceVariable(name, text string) bool {
	words := strings.Split(strings.TrimPrefix(name, envPrefix), "_")
	for i, word := range words {
		rest := words[i+1:]
		switch {
		case word == "SERVICE" && len(rest) > 0 && (rest[0] == "PORT" || slices.Equal(rest, []string{"HOST"})):
			return true
		case word == "PORT" && len(rest) == 0 && strings.Contains(text, "://"):
			return true
		case word == "PORT" && len(rest) > 1 && isNumber(rest[0]) && slices.Contains([]string{"TCP", "UDP", "SCTP"}, rest[1]):
			return true
		}
	}
	return false
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// keyOf returns the setting of a variable, or "".
func (s schema) keyOf(name string) string {
	for key, x := range s.settings {
		if variable(key) == name && !x.fileOnly {
			return key
		}
	}
	return ""
}

// refusal says why a variable that names no setting is an error, or "" if it
// concerns nothing here.
func (s schema) refusal(name string) string {
	for _, key := range s.whole {
		if name == variable(key) || strings.HasPrefix(name, variable(key)+"_") {
			return fmt.Sprintf("%s cannot be set from the environment; set it in the file", key)
		}
	}
	for _, key := range s.sections {
		if name == variable(key) {
			return fmt.Sprintf("%s is a section; set its keys one by one, as in %s_…", key, name)
		}
	}
	for _, key := range s.sections {
		if !strings.HasPrefix(name, variable(key)+"_") {
			continue
		}
		var candidates []string
		for k, x := range s.settings {
			if !x.fileOnly {
				candidates = append(candidates, strings.ToLower(variable(k)))
			}
		}
		slices.Sort(candidates)
		near := strings.ToUpper(suggest(name, candidates))
		return fmt.Sprintf("no such setting in %s%s", key, didYouMean(near))
	}
	return ""
}

// flagName is how a person sets a key on the command line.
func flagName(key string) string {
	if key == "node.data_dir" {
		return "--data-dir"
	}
	return "--set " + key
}

// checkFlags refuses flags that name no setting.
func checkFlags(flags map[string]string, s schema, ps *problems) {
	for key := range flags {
		x, known := s.settings[key]
		if known && !x.fileOnly {
			continue
		}
		text := "no such setting" + s.flagHint(key)
		inList := slices.Contains(s.whole, transportKey) && strings.HasPrefix(key, transportKey)
		if x.fileOnly || inList || slices.Contains(s.whole, key) || slices.Contains(s.sections, key) {
			text = "cannot be set by a flag; set it in the file"
		}
		ps.add(Problem{Place: flagName(key), Text: text})
	}
}

func (s schema) flagHint(key string) string {
	var candidates []string
	for k := range s.settings {
		candidates = append(candidates, k)
	}
	slices.Sort(candidates)
	return didYouMean(suggest(key, candidates))
}
