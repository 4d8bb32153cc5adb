// A client in Java, with what the JDK has: HttpURLConnection answers Negotiate by itself, from the user's own ticket cache.
//
//   java -Djava.security.krb5.conf=RUN/krb5.conf -Djava.security.auth.login.config=FILE \
//     -Djavax.security.auth.useSubjectCredsOnly=false Client.java URL
//
// Prints the status and the body.

import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;

public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) URI.create(arguments[0]).toURL().openConnection();
        int status = connection.getResponseCode();
        try (InputStream body = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            System.out.println(status + " " + new String(body.readAllBytes(), StandardCharsets.UTF_8));
        }
    }
}
