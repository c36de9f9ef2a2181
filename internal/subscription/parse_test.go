package subscription

import "testing"

func BenchmarkParseCriteria(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, err := ParseCriteria("/Bundle?type=message&serviceType=UHV&Patient.identifier=http://fhir.nhs.net/Id/nhs-number|9434765919&MessageHeader.event=pds-change-of-address-1&MessageHeader.event=vaccinations-1&Patient.age=gt5&Patient.age=lt19&tag=site123")
		if err != nil {
			b.Fatal(err)
		}
	}
}
