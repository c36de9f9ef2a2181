package node

import (
	"cmp"
	"context"
	"reflect"
	"slices"
)

// reloading is the settings that change without a restart, as they are in force.
// A setting is one of them if its field in Config has the tag reload.
type reloading struct {
	node    *node
	started Config // what the node was started with
	last    Config // what was read last
}

// follow takes up every configuration that is read again, until the context ends.
func (r *reloading) follow(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-r.node.Reload:
			r.take(c)
		}
	}
}

// take puts a configuration in force as far as that can be without a restart. It is
// judged as a whole first: with a mistake in it, nothing changes.
func (r *reloading) take(c Config) {
	n := r.node
	if err := cmp.Or(c.readSecrets(), c.Validate()); err != nil {
		n.Log.Error("the configuration was read again and is wrong: the one before stays in force", "error", err)
		return
	}
	live, _ := differences(r.last, c)
	if err := n.level(c.LogLevel); err != nil {
		n.Log.Error("the configuration was read again and is wrong: the one before stays in force", "error", err)
		return
	}
	n.fhir.Limit(c.limits())
	n.mayLack.Store(&c.ReadyWithout)
	n.obedience.follow(c.Catalogue)
	r.last = c
	_, restart := differences(r.started, c)
	n.Log.Info("the configuration was read again", "changed", live, "needRestart", restart)
}

// level puts a level of the log in force, where the log follows one.
func (n *node) level(text string) error {
	if n.Verbosity == nil {
		return nil
	}
	return n.Verbosity.UnmarshalText([]byte(text))
}

// needless reports whether the part of the directory may be empty.
func (n *node) needless(part string) bool { return slices.Contains(*n.mayLack.Load(), part) }

// differences names the settings that two configurations have different values for:
// those that change without a restart, and the others. Values are not named: some are
// secrets.
func differences(a, b Config) (live, restart []string) {
	compareSettings(reflect.ValueOf(a), reflect.ValueOf(b), "", func(name string, reload bool) {
		if reload {
			live = append(live, name)
		} else {
			restart = append(restart, name)
		}
	})
	return live, restart
}

func compareSettings(a, b reflect.Value, prefix string, differ func(name string, reload bool)) {
	for i := range a.NumField() {
		field := a.Type().Field(i)
		if _, nested := field.Tag.Lookup("embed"); nested {
			compareSettings(a.Field(i), b.Field(i), prefix+field.Tag.Get("prefix"), differ)
			continue
		}
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			_, reload := field.Tag.Lookup("reload")
			differ(prefix+field.Tag.Get("name"), reload)
		}
	}
}
