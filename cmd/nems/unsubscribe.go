package main

import "context"

// unsubscribeCmd ends subscriptions. Who is calling is not taken from the
// environment: NEMS_ASID is the service's own.
type unsubscribeCmd struct {
	IDs  []string `arg:"" name:"id" help:"Ids of subscriptions, as nems subscribe prints them."`
	ASID string   `name:"asid" env:"-" default:"200000000115" help:"ASID of the subscribing system."`
	ODS  string   `name:"ods" env:"-" default:"RR8" help:"ODS code of the subscribing organisation."`
	outcomes
	connection
}

// Run ends one subscription after the other and fails when one could not be.
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
