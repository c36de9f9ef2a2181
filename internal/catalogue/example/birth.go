package example

import "nems/message"

// birth is the birth of a girl whose mother is known (page pds_birth_notification_1).
func birth(g *given) ([]byte, error) {
	born := message.Date(g.day(1))
	return message.Birth{
		Header:         g.spine("1"),
		Mother:         g.recorded(),
		MotherPractice: &message.Organisation{ODS: g.patient.Practice, Name: "EXAMPLE PRACTICE"},
		Baby: message.Patient{
			NHSNumber: g.patient.Baby, VersionID: "1",
			Names:  []message.HumanName{{Family: g.patient.Family, Given: []string{"Baby"}}},
			Gender: message.Female, BirthDate: born, BirthTime: born + "T04:05:00+00:00",
			Ethnicity: message.EthnicityNotStated, MultipleBirth: 1,
			Addresses: []message.Address{g.home()},
		},
		NotifiedBy:       message.HumanName{Family: "Example", Given: []string{"Morgan"}},
		BirthsInDelivery: 1, WeightGrams: 3410, GestationWeeks: 40,
		Stillbirth: message.LiveBirth, Abnormality: message.NoAbnormality,
		RegisteringAuthority:     message.Organisation{ODS: "RR8", Name: "EXAMPLE HOSPITAL"},
		RegisteringAuthorityType: message.NHSTrust,
		ResponsibleChildHealth:   &message.Organisation{ODS: "RX3EP", Name: "EXAMPLE CHILD HEALTH SERVICE"},
	}.XML()
}
