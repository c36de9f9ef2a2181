package main

import (
	"fmt"
	"nems/internal/yamltree"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// configFile reads a YAML configuration file for kong. Its keys are the names
// of flags, nested keys joined by a hyphen (fhir: {listen: ...} is
// --fhir-listen). A key without a flag is an error, so that a typing mistake
// cannot silently leave a default in force.
type configFile struct {
	path   string
	values map[string]any
}

// readConfig reads the file at path.
func readConfig(path string) (*configFile, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if line, column, deep := yamltree.TooDeep(raw); deep {
		return nil, fmt.Errorf("%s:%d:%d: brackets are nested too deeply for a configuration", path, line, column)
	}
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		// Only the place, because the lines around it may contain secrets.
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	f := &configFile{path: path, values: map[string]any{}}
	f.flatten("", tree)
	return f, nil
}

func (f *configFile) flatten(prefix string, tree map[string]any) {
	for key, value := range tree {
		if nested, ok := value.(map[string]any); ok {
			f.flatten(prefix+key+"-", nested)
			continue
		}
		f.values[prefix+key] = value
	}
}

// Validate refuses keys that are not flags of `nems serve`.
func (f *configFile) Validate(app *kong.Application) error {
	all := settings(app.Node)
	var unknown []string
	for key := range f.values {
		if !slices.ContainsFunc(all, func(flag *kong.Flag) bool { return flag.Name == key }) {
			unknown = append(unknown, key+meant(key, all))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("%s: unknown keys: %s (nems config explain lists the known ones)", f.path, strings.Join(unknown, ", "))
}

// Resolve returns the value of a flag from the file. The command line and the
// environment override it.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[flag.Name]
	if !ok || value == nil {
		return nil, nil
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return fmt.Sprint(value), nil
}
