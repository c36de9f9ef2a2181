package main

import "context"

// unsubscribeCmd ends subscriptions. The caller's identity is not taken from
// the environment, because NEMS_ASID is the service's own.
type unsubscribeCmd struct {
	IDs  []string `arg:"" name:"id" help:"Ids of subscriptions, as nems subscribe prints them."`
	ASID string   `name:"asid" env:"-" default:"200000000115" help:"ASID of the subscribing system."`
	ODS  string   `name:"ods" env:"-" default:"RR8" help:"ODS code of the subscribing organisation."`
	outcomes
	connection
}

// Run ends the subscriptions one after the other, and fails if one could not be ended.
func (u *unsubscribeCmd) Run(ctx context.Context) error {
	c, err := u.system(u.ASID, u.ODS)
	if err != nil {
		return err
	}
	for _, id := range u.IDs {
		err := c.Unsubscribe(ctx, id)
		u.say(outcome{Subscription: id, err: err}, id+": ended")
	}
	return u.failed()
}
