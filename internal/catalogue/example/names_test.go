package example

const nhsCore = "https://fhir.nhs.uk/STU3/StructureDefinition/"
