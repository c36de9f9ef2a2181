package catalogue

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
)

// profileFile is a profile as its file has it: what it demands of a resource,
// or of an extension, beyond STU3.
type profileFile struct {
	Profile    string               `yaml:"profile"` // its name
	URL        string               `yaml:"url"`
	Type       string               `yaml:"type"` // a resource type, or Extension
	Extensions map[string]string    `yaml:"extensions"`
	Slices     map[string]sliceFile `yaml:"slices"`
	Elements   []elementFile        `yaml:"elements"`
}

// profile is a profile after reading. A resource's profile becomes rules of the
// event types whose pages name it.
type profile struct {
	profileFile
	source *source
}

// extensionType is the type of profiles that define an extension.
const extensionType = "Extension"

// readProfiles reads a folder of profiles.
func (r *requirements) readProfiles(files fs.FS, dir string) error {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	r.profiles, r.extensions = map[string]*profile{}, map[string]*group{}
	for _, name := range names {
		p, err := readProfile(files, name)
		if err != nil {
			return err
		}
		r.profiles[p.Profile] = p
		if p.Type != extensionType {
			continue
		}
		if r.extensions[p.URL], err = r.define(p); err != nil {
			return err
		}
	}
	return nil
}

func readProfile(files fs.FS, name string) (*profile, error) {
	src, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	p := &profile{}
	if p.source, err = decode(name, src, &p.profileFile); err != nil {
		return nil, err
	}
	if p.Profile != strings.TrimSuffix(path.Base(name), ".yaml") || p.URL == "" || p.Type == "" {
		return nil, p.source.errorf("$.profile", "a profile needs the keys \"profile\" (the name of its file), \"url\" and \"type\"")
	}
	return p, nil
}

// define compiles the definition of an extension, once for all event types: it
// applies wherever the extension occurs.
func (r *requirements) define(p *profile) (*group, error) {
	g := &group{name: p.Profile, resource: extensionType}
	c := compiler{shared: r, paths: paths{r.file.Extensions, r.file.Slices}}
	if err := c.profile(p, g); err != nil {
		return nil, err
	}
	for _, rule := range g.rules {
		g.tree.add(rule)
	}
	return g, nil
}

// conform adds the rules of the profiles that pages name to the rules of all
// resources of their types.
func (c *compiler) conform(own origin, names []string) error {
	for i, name := range names {
		p := c.shared.profiles[name]
		if p == nil || p.Type == extensionType {
			return own.source.errorf(fmt.Sprintf("$.profiles[%d]", i-len(c.shared.file.Profiles)), "there is no profile %q of a resource", name)
		}
		g, err := c.place(origin{shared: true}, groupFile{Resource: p.Type})
		if err != nil {
			return p.source.errorf("$.type", "%v", err)
		}
		if err := c.profile(p, g); err != nil {
			return err
		}
	}
	return nil
}

// profile compiles a profile into rules of a group.
func (c *compiler) profile(p *profile, g *group) error {
	with := compiler{shared: c.shared, out: c.out, paths: paths{maps.Clone(c.extensions), maps.Clone(c.slices)}}
	maps.Copy(with.extensions, p.Extensions)
	maps.Copy(with.slices, p.Slices)
	from := origin{prefix: p.Profile, page: p.URL, source: p.source, profile: true}
	for i, e := range p.Elements {
		rule, err := with.rule(from, g, e)
		if err != nil {
			return p.source.errorf(fmt.Sprintf("$.elements[%d]", i), "%v", err)
		}
		g.rules = append(g.rules, rule)
	}
	return nil
}
