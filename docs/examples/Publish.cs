// Publishes event messages to a National Events Management Service.
//
//     dotnet run Publish.cs -- message.xml ...      (.NET 10; before that, in a console project)
//
// It needs .NET 8 and no packages. Settings are environment variables, with the development
// world's as defaults: NEMS_URL, NEMS_FROM (ASID of your system), NEMS_ODS (code of your
// organisation), NEMS_TO (ASID of the service), NEMS_KEY (RSA key in PEM that signs tokens;
// without it they are unsigned), NEMS_KEY_ID, NEMS_CERT and NEMS_CERT_KEY (client
// certificate and its key, in PEM).
#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using System.Xml.Linq;

const int Attempts = 6;
string url = Setting("NEMS_URL", "http://localhost:8880");
string from = Setting("NEMS_FROM", "300000000161");
string ods = Setting("NEMS_ODS", "A83627");
string to = Setting("NEMS_TO", "111111111111");
XNamespace fhir = "http://hl7.org/fhir";

// Interaction ids of the care providers' events.
var interactions = new Dictionary<string, string>
{
    ["vaccinations-1"] = "Vaccinations",
    ["professional-contacts-1"] = "Professionalcontacts",
    ["blood-spot-test-outcome-1"] = "Bloodspottestoutcome",
    ["newborn-hearing-1"] = "Newbornhearing",
    ["nipe-outcome-1"] = "Nipeoutcome",
};

using var client = new HttpClient(Handler()) { Timeout = TimeSpan.FromSeconds(30) };
foreach (string file in args)
{
    // A message that was not accepted stops those after it: a correction must not overtake
    // what it corrects.
    if (!await Publish(await File.ReadAllBytesAsync(file))) return 1;
}
return 0;

// Publish sends a message until it is accepted or refused. The message's own id is the
// idempotency key: whichever attempt the service has stored, it stores the message once.
async Task<bool> Publish(byte[] message)
{
    XElement header = XDocument.Load(new MemoryStream(message)).Descendants(fhir + "MessageHeader").First();
    string id = Value(header, "id"), code = Value(header.Element(fhir + "event"), "code");
    TimeSpan pause = TimeSpan.FromSeconds(1);
    for (int attempt = 0; attempt < Attempts; attempt++, pause *= 2)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url + "/STU3/Events/1/$process-message");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token("patient/Bundle.write"));
        request.Headers.Add("fromASID", from);
        request.Headers.Add("toASID", to);
        request.Headers.Add("InteractionID", $"urn:nhs:names:services:events:{interactions.GetValueOrDefault(code, code)}.Write");
        request.Headers.Add("Idempotency-Key", id);
        request.Headers.Accept.ParseAdd("application/fhir+xml");
        request.Content = new ByteArrayContent(message);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/fhir+xml");
        TimeSpan wait = pause;
        try
        {
            using HttpResponseMessage answer = await client.SendAsync(request);
            int status = (int)answer.StatusCode;
            if (answer.IsSuccessStatusCode)
            {
                Console.WriteLine($"{id} accepted: {status}");
                return true;
            }
            // Busy, broken or not letting this system in: it may pass. All else is about the
            // message, which must be put right first.
            if (!(status is 401 or 403 or 408 or 429 || status >= 500))
            {
                Console.Error.WriteLine($"{id} refused: {status}");
                Explain(await answer.Content.ReadAsStringAsync());
                return false;
            }
            Console.Error.WriteLine($"{id} answered {status}");
            if (answer.Headers.RetryAfter?.Delta is TimeSpan asked && asked > wait) wait = asked;
        }
        catch (Exception lost) when (lost is HttpRequestException or TaskCanceledException)
        {
            Console.Error.WriteLine($"{id} no answer: {lost.Message}");
        }
        if (attempt < Attempts - 1) await Task.Delay(wait);
    }
    Console.Error.WriteLine($"{id} not accepted after {Attempts} attempts; send it again later");
    return false;
}

// Token makes the token of one request, valid for five minutes.
string Token(string scope)
{
    long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    string system = "https://fhir.nhs.uk/Id/accredited-system|" + from, key = Setting("NEMS_KEY", "");
    var claims = new JsonObject
    {
        ["iss"] = url, ["sub"] = system, ["aud"] = url, ["iat"] = now, ["exp"] = now + 300,
        ["reason_for_request"] = "directcare", ["scope"] = scope, ["requesting_system"] = system,
        ["requesting_organisation"] = "https://fhir.nhs.uk/Id/ods-organization-code|" + ods,
    };
    var head = new JsonObject { ["alg"] = key == "" ? "none" : "RS512", ["typ"] = "JWT" };
    if (key != "" && Setting("NEMS_KEY_ID", "") is { Length: > 0 } id) head["kid"] = id;
    string signed = Encode(Encoding.UTF8.GetBytes(head.ToJsonString())) + "." + Encode(Encoding.UTF8.GetBytes(claims.ToJsonString()));
    if (key == "") return signed + ".";
    using RSA rsa = RSA.Create();
    rsa.ImportFromPem(File.ReadAllText(key));
    return signed + "." + Encode(rsa.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1));
}

static string Encode(byte[] part) => Convert.ToBase64String(part).TrimEnd('=').Replace('+', '-').Replace('/', '_');

// Explain prints what an OperationOutcome says.
void Explain(string outcome)
{
    try
    {
        foreach (XElement issue in XDocument.Parse(outcome).Descendants(fhir + "issue"))
        {
            string code = Value(issue.Descendants(fhir + "coding").FirstOrDefault(), "code");
            Console.Error.WriteLine($"  {code}: {Value(issue, "diagnostics")} {Value(issue, "expression")}");
        }
    }
    catch (System.Xml.XmlException)
    {
        Console.Error.WriteLine("  the answer says nothing more");
    }
}

string Value(XElement? of, string name) => of?.Element(fhir + name)?.Attribute("value")?.Value ?? "";

static HttpClientHandler Handler()
{
    var handler = new HttpClientHandler { AllowAutoRedirect = false };
    string cert = Setting("NEMS_CERT", "");
    if (cert != "") handler.ClientCertificates.Add(X509Certificate2.CreateFromPemFile(cert, Setting("NEMS_CERT_KEY", cert)));
    return handler;
}

static string Setting(string name, string otherwise)
{
    string? set = Environment.GetEnvironmentVariable(name);
    return string.IsNullOrEmpty(set) ? otherwise : set;
}
