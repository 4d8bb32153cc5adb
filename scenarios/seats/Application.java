// An application in Java, with what the JDK has: its HTTP server and its own Kerberos (JGSS), which shares no line with MIT's.
// Accepts tickets by HTTP Negotiate (RFC 4559), says who the user is, and proves itself.
//
//   java -Djava.security.krb5.conf=RUN/krb5.conf Application.java PORT SPN KEYTAB
//
// Prints "ready" when it listens.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.Base64;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.AppConfigurationEntry.LoginModuleControlFlag;
import javax.security.auth.login.Configuration;
import javax.security.auth.login.LoginContext;
import org.ietf.jgss.GSSContext;
import org.ietf.jgss.GSSCredential;
import org.ietf.jgss.GSSException;
import org.ietf.jgss.GSSManager;
import org.ietf.jgss.Oid;

public class Application {
    private static final String SPNEGO = "1.3.6.1.5.5.2";

    private final Subject service;
    private final GSSCredential credential;

    Application(String spn, String keytab) throws Exception {
        LoginContext login = new LoginContext("application", new Subject(), null, keytabOf(spn, keytab));
        login.login();
        service = login.getSubject();
        credential = Subject.doAs(service, (PrivilegedExceptionAction<GSSCredential>) () -> GSSManager.getInstance()
            .createCredential(null, GSSCredential.INDEFINITE_LIFETIME, new Oid(SPNEGO), GSSCredential.ACCEPT_ONLY));
    }

    private static Configuration keytabOf(String spn, String keytab) {
        Map<String, String> options = Map.of("principal", spn, "keyTab", keytab, "useKeyTab", "true", "storeKey", "true",
            "isInitiator", "false", "doNotPrompt", "true");
        AppConfigurationEntry entry = new AppConfigurationEntry("com.sun.security.auth.module.Krb5LoginModule",
            LoginModuleControlFlag.REQUIRED, options);
        return new Configuration() {
            @Override
            public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new AppConfigurationEntry[] {entry};
            }
        };
    }

    private void answer(HttpExchange exchange) throws IOException {
        String header = exchange.getRequestHeaders().getFirst("Authorization");
        if (header == null || !header.startsWith("Negotiate ")) {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Negotiate");
            send(exchange, 401, "A ticket is required.\n");
            return;
        }
        try {
            accept(exchange, Base64.getDecoder().decode(header.substring("Negotiate ".length())));
        } catch (Exception refused) {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Negotiate");
            send(exchange, 401, "The ticket is refused: " + refused.getMessage() + "\n");
        }
    }

    private void accept(HttpExchange exchange, byte[] token) throws Exception {
        GSSContext context = Subject.doAs(service,
            (PrivilegedExceptionAction<GSSContext>) () -> GSSManager.getInstance().createContext(credential));
        byte[] proof = context.acceptSecContext(token, 0, token.length);
        if (!context.isEstablished()) {
            throw new GSSException(GSSException.DEFECTIVE_TOKEN);
        }
        if (proof != null) {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Negotiate " + Base64.getEncoder().encodeToString(proof));
        }
        send(exchange, 200, "REMOTE_USER is " + context.getSrcName() + "\n");
        context.dispose();
    }

    private static void send(HttpExchange exchange, int status, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] arguments) throws Exception {
        Application application = new Application(arguments[1], arguments[2]);
        InetSocketAddress at = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[0]));
        HttpServer server = HttpServer.create(at, 16);
        server.createContext("/", application::answer);
        server.start();
        System.out.println("ready");
    }
}
