import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Publishes event messages to a National Events Management Service.
 *
 * <pre>java Publish.java message.xml ...</pre>
 *
 * It needs Java 17 and nothing else. Settings are environment variables, with the
 * development world's as defaults: NEMS_URL, NEMS_FROM (ASID of your system), NEMS_ODS (code
 * of your organisation), NEMS_TO (ASID of the service), NEMS_KEY (RSA key in PKCS #8 PEM that
 * signs tokens; without it they are unsigned), NEMS_KEY_ID. A client certificate is given to
 * Java itself: -Djavax.net.ssl.keyStore=mine.p12 -Djavax.net.ssl.keyStorePassword=...
 */
public final class Publish {
    private static final String URL = setting("NEMS_URL", "http://localhost:8880");
    private static final String FROM = setting("NEMS_FROM", "300000000161");
    private static final String ODS = setting("NEMS_ODS", "A83627");
    private static final String TO = setting("NEMS_TO", "111111111111");
    private static final int ATTEMPTS = 6;

    /** Interaction ids of the care providers' events. */
    private static final Map<String, String> INTERACTIONS = Map.of(
            "vaccinations-1", "Vaccinations",
            "professional-contacts-1", "Professionalcontacts",
            "blood-spot-test-outcome-1", "Bloodspottestoutcome",
            "newborn-hearing-1", "Newbornhearing",
            "nipe-outcome-1", "Nipeoutcome");

    private final HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();

    public static void main(String[] files) throws Exception {
        Publish publisher = new Publish();
        for (String file : files) {
            // A message that was not accepted stops those after it: a correction must not
            // overtake what it corrects.
            if (!publisher.publish(Files.readAllBytes(Path.of(file)))) {
                System.exit(1);
            }
        }
    }

    /**
     * Sends a message until it is accepted or refused. The message's own id is the idempotency
     * key: whichever attempt the service has stored, it stores the message once.
     */
    boolean publish(byte[] message) throws Exception {
        Element header = (Element) parse(message).getElementsByTagNameNS("*", "MessageHeader").item(0);
        String id = value(header, "id");
        String event = value((Element) header.getElementsByTagNameNS("*", "event").item(0), "code");
        Duration pause = Duration.ofSeconds(1);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(URL + "/STU3/Events/1/$process-message"))
                    .timeout(Duration.ofSeconds(30))
                    .header("Authorization", "Bearer " + token("patient/Bundle.write"))
                    .header("fromASID", FROM)
                    .header("toASID", TO)
                    .header("InteractionID", "urn:nhs:names:services:events:" + INTERACTIONS.getOrDefault(event, event) + ".Write")
                    .header("Content-Type", "application/fhir+xml")
                    .header("Accept", "application/fhir+xml")
                    .header("Idempotency-Key", id)
                    .POST(HttpRequest.BodyPublishers.ofByteArray(message))
                    .build();
            Duration wait = pause;
            try {
                HttpResponse<byte[]> answer = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
                int status = answer.statusCode();
                if (status < 300) {
                    System.out.println(id + " accepted: " + status);
                    return true;
                }
                if (!passes(status)) {
                    System.err.println(id + " refused: " + status);
                    explain(answer.body());
                    return false;
                }
                System.err.println(id + " answered " + status);
                long asked = answer.headers().firstValue("Retry-After").filter(s -> s.matches("\\d+")).map(Long::parseLong).orElse(0L);
                wait = wait.toSeconds() < asked ? Duration.ofSeconds(asked) : wait;
            } catch (java.io.IOException lost) {
                System.err.println(id + " no answer: " + lost);
            }
            if (attempt < ATTEMPTS - 1) {
                Thread.sleep(wait.toMillis());
            }
            pause = pause.multipliedBy(2);
        }
        System.err.println(id + " not accepted after " + ATTEMPTS + " attempts; send it again later");
        return false;
    }

    /** Whether a status is not about the message: busy, broken, or not letting this system in. */
    private static boolean passes(int status) {
        return status == 401 || status == 403 || status == 408 || status == 429 || status >= 500;
    }

    /** Makes the token of one request, valid for five minutes. */
    private static String token(String scope) throws Exception {
        long now = Instant.now().getEpochSecond();
        String system = "https://fhir.nhs.uk/Id/accredited-system|" + FROM;
        String claims = """
                {"iss":"%1$s","sub":"%2$s","aud":"%1$s","iat":%3$d,"exp":%4$d,"reason_for_request":"directcare","scope":"%5$s",\
                "requesting_system":"%2$s","requesting_organisation":"https://fhir.nhs.uk/Id/ods-organization-code|%6$s"}"""
                .formatted(URL, system, now, now + 300, scope, ODS);
        String key = setting("NEMS_KEY", "");
        String id = setting("NEMS_KEY_ID", "");
        String head = key.isEmpty() ? "{\"alg\":\"none\",\"typ\":\"JWT\"}"
                : "{\"alg\":\"RS512\",\"typ\":\"JWT\"" + (id.isEmpty() ? "" : ",\"kid\":\"" + id + "\"") + "}";
        String signed = encode(head.getBytes(StandardCharsets.UTF_8)) + "." + encode(claims.getBytes(StandardCharsets.UTF_8));
        return signed + "." + (key.isEmpty() ? "" : encode(sign(key, signed)));
    }

    private static byte[] sign(String file, String text) throws Exception {
        String pem = Files.readString(Path.of(file)).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        Signature signature = Signature.getInstance("SHA512withRSA");
        signature.initSign(key);
        signature.update(text.getBytes(StandardCharsets.US_ASCII));
        return signature.sign();
    }

    private static String encode(byte[] part) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(part);
    }

    /** Prints what an OperationOutcome says. */
    private static void explain(byte[] outcome) {
        try {
            NodeList issues = parse(outcome).getElementsByTagNameNS("*", "issue");
            for (int i = 0; i < issues.getLength(); i++) {
                Element issue = (Element) issues.item(i);
                System.err.println("  " + value((Element) issue.getElementsByTagNameNS("*", "coding").item(0), "code") + ": "
                        + value(issue, "diagnostics") + " " + value(issue, "expression"));
            }
        } catch (Exception unreadable) {
            System.err.println("  the answer says nothing more");
        }
    }

    private static Document parse(byte[] xml) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(xml));
    }

    private static String value(Element of, String name) {
        Element found = of == null ? null : (Element) of.getElementsByTagNameNS("*", name).item(0);
        return found == null ? "" : found.getAttribute("value");
    }

    private static String setting(String name, String otherwise) {
        String set = System.getenv(name);
        return set == null || set.isEmpty() ? otherwise : set;
    }
}
